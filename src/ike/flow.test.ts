import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failed, type Failure } from '../policy/failure.ts';
import { type AskStep, ask, Conversation, type Flow, type Outcome } from './flow.ts';

interface Say {
  readonly kind: 'say';
  readonly text: string;
}

const GONE: Failure = { code: 'peer/silent', summary: 'gone' };

function* say(text: string): Flow<Say, string> {
  return (yield { kind: 'say', text }) as string;
}

/** A conversation, its steps as they come, and how it ended. */
function held<Result>(flow: Flow<Say, Result>): {
  readonly conversation: Conversation<Say, Result>;
  readonly steps: (Say | AskStep)[];
  readonly outcomes: Outcome<Result>[];
} {
  const steps: (Say | AskStep)[] = [];
  const outcomes: Outcome<Result>[] = [];
  const conversation = new Conversation(
    flow,
    step => steps.push(step),
    outcome => outcomes.push(outcome),
  );
  conversation.resume();
  return { conversation, steps, outcomes };
}

test('a flow goes step by step to its result', () => {
  const { conversation, steps, outcomes } = held(
    (function* () {
      const one = yield* say('one?');
      return one + (yield* say('two?'));
    })(),
  );
  assert.deepEqual(steps, [{ kind: 'say', text: 'one?' }]);
  conversation.resume('a');
  conversation.resume('b');
  assert.deepEqual(outcomes, [{ kind: 'returned', value: 'ab' }]);
  assert.ok(conversation.over);
  conversation.resume('late');
  assert.equal(outcomes.length, 1);
});

test('a question resumes with its answer, and throws where the shell failed', () => {
  const flow = function* (): Flow<Say, number> {
    return (yield* ask<'allocate-spi'>({ kind: 'allocate-spi', protocol: 'esp', path: PATH })).spi;
  };
  const good = held(flow());
  good.conversation.resume({ kind: 'spi', spi: 7 });
  assert.deepEqual(good.outcomes, [{ kind: 'returned', value: 7 }]);
  const bad = held(flow());
  bad.conversation.resume({ kind: 'failed', failure: GONE });
  const [outcome] = bad.outcomes;
  assert.ok(outcome?.kind === 'failed' && outcome.failure === GONE);
});

test('a failure can be caught, and a defect is an outcome', () => {
  const caught = held(
    (function* (): Flow<Say, string> {
      try {
        return yield* say('?');
      } catch (error) {
        return error instanceof Failed ? error.failure.summary : 'other';
      }
    })(),
  );
  caught.conversation.fail(GONE);
  assert.deepEqual(caught.outcomes, [{ kind: 'returned', value: 'gone' }]);
  const broken = held(
    // biome-ignore lint/correctness/useYield: it breaks before its first step
    (function* (): Flow<Say, string> {
      throw new TypeError('x is not a function');
    })(),
  );
  const [outcome] = broken.outcomes;
  assert.ok(outcome?.kind === 'failed');
  assert.equal(outcome.failure.code, 'local/internal');
  assert.match(outcome.failure.summary, /x is not a function/);
});

test('one that is dropped gives back what it holds, and nobody hears of it', () => {
  const log: string[] = [];
  const { conversation, outcomes } = held(
    (function* (): Flow<Say, void> {
      try {
        yield* say('?');
      } finally {
        log.push('given back');
      }
    })(),
  );
  conversation.whenDropped(() => log.push('withdrawn'));
  conversation.drop();
  conversation.drop();
  conversation.resume('late');
  conversation.fail(GONE);
  assert.deepEqual(log, ['withdrawn', 'given back']);
  assert.deepEqual(outcomes, []);
});

test('one that drops itself ends at its next step', () => {
  const log: string[] = [];
  const box: { conversation?: Conversation<Say, void> } = {};
  const { conversation, steps, outcomes } = held(
    (function* (): Flow<Say, void> {
      try {
        yield* say('first');
        box.conversation?.drop();
        log.push('still here');
        yield* say('second');
        log.push('never');
      } finally {
        log.push('given back');
      }
    })(),
  );
  box.conversation = conversation;
  conversation.resume('');
  assert.deepEqual(log, ['still here', 'given back']);
  assert.equal(steps.length, 1);
  assert.deepEqual(outcomes, []);
});

const ENDPOINT = { address: new Uint8Array(4), port: 500 };
const PATH = { local: ENDPOINT, remote: ENDPOINT };
