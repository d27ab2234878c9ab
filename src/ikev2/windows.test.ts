import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExchangeType } from '../iana/ikev2.ts';
import { DEFAULT_SETTINGS } from '../ike/settings.ts';
import { SECOND } from '../lib/time.ts';
import type { Task } from './ike-sa.ts';
import { Requests } from './requests.ts';
import { Responses } from './responses.ts';
import { Tasks } from './tasks.ts';

const at = (now: number) => ({ now, jitter: () => 0 });

const { INFORMATIONAL, IKE_SA_INIT, IKE_AUTH } = ExchangeType;
const MESSAGE = [Uint8Array.of(1, 2, 3)];

test('requests: IKE_SA_INIT is 0 however often, the others count', () => {
  const requests = new Requests();
  requests.sent(IKE_SA_INIT, MESSAGE, DEFAULT_SETTINGS, at(0));
  assert.ok(requests.answeredBy(0, IKE_SA_INIT));
  requests.sent(IKE_SA_INIT, MESSAGE, DEFAULT_SETTINGS, at(0));
  requests.done();
  assert.equal(requests.idFor(IKE_SA_INIT), 0);
  assert.equal(requests.idFor(IKE_AUTH), 1);
  requests.sent(IKE_AUTH, MESSAGE, DEFAULT_SETTINGS, at(0));
  assert.ok(requests.answeredBy(1, IKE_AUTH));
  assert.ok(!requests.answeredBy(1, INFORMATIONAL));
  assert.ok(!requests.answeredBy(0, IKE_AUTH));
  requests.done();
  assert.ok(!requests.answeredBy(1, IKE_AUTH));
});

test('requests: pauses grow by the base, and patience ends', () => {
  const requests = new Requests();
  requests.sent(INFORMATIONAL, MESSAGE, DEFAULT_SETTINGS, at(0));
  const times: number[] = [];
  for (let due = requests.due; due !== undefined; due = requests.due) {
    times.push(Math.round(due / SECOND));
    if (requests.again(DEFAULT_SETTINGS, at(due)) === undefined) break;
  }
  assert.deepEqual(times, [4, 11, 24, 47, 89, 165]);
});

test('requests: what is not believed is asked once more, and no oftener', () => {
  for (const [resent, expected] of [
    [0, 1],
    [2, 1],
    [5, 0],
  ] as const) {
    const requests = new Requests();
    requests.sent(IKE_SA_INIT, MESSAGE, DEFAULT_SETTINGS, at(0));
    for (let time = 0; time < resent; time++) requests.again(DEFAULT_SETTINGS, at(0));
    let more = -1;
    let datagrams: readonly Uint8Array[] | undefined;
    do {
      requests.hurry();
      datagrams = requests.again(DEFAULT_SETTINGS, at(0));
      more++;
    } while (datagrams !== undefined);
    assert.equal(more, expected);
  }
});

test('requests: Message IDs wear out and never wrap (RFC 7296 §2.2)', () => {
  assert.equal(new Requests().supply, 'fresh');
  assert.equal(new Requests(2 ** 31 - 1).supply, 'fresh');
  assert.equal(new Requests(2 ** 31).supply, 'worn');
  const last = new Requests(2 ** 32 - 2);
  assert.equal(last.supply, 'worn');
  last.sent(INFORMATIONAL, MESSAGE, DEFAULT_SETTINGS, at(0));
  assert.equal(last.supply, 'spent');
});

test('responses: one request at a time, the last answer kept for its retransmission', () => {
  const responses = new Responses();
  assert.equal(responses.arrival(0), 'new');
  assert.equal(responses.arrival(1), 'outside');
  responses.begin();
  assert.equal(responses.arrival(0), 'being-served');
  assert.equal(responses.arrival(1), 'outside', 'the window is 1');
  responses.answered(MESSAGE);
  assert.equal(responses.arrival(0), 'answered');
  assert.equal(responses.last, MESSAGE);
  assert.equal(responses.arrival(1), 'new');
  responses.begin();
  assert.equal(responses.current, 1);
  assert.equal(responses.arrival(0), 'outside');
  assert.deepEqual(responses.last, []);
});

test('responses: the last Message ID there is', () => {
  const responses = new Responses(0xffff_ffff);
  assert.equal(responses.arrival(0xffff_ffff), 'new');
  responses.begin();
  responses.answered(MESSAGE);
  assert.equal(responses.arrival(0), 'outside', 'no wrap');
});

test('tasks: in order, deletions first, twins once, each not before its time', () => {
  const task = (kind: Task['kind'], subject = ''): Task => ({ kind, subject, *run() {} });
  const tasks = new Tasks();
  const [create, remove] = [task('create-child', 'net'), task('delete-child', '4')];
  assert.ok(tasks.add(create, 0));
  assert.ok(!tasks.add(task('create-child', 'net'), 0));
  assert.ok(tasks.add(task('create-child', 'lab'), 50));
  assert.ok(tasks.add(remove, 0));
  assert.equal(tasks.take(0), remove);
  assert.equal(tasks.take(0), create);
  assert.equal(tasks.take(0), undefined);
  assert.equal(tasks.deadline, 50);
  assert.equal(tasks.take(50)?.subject, 'lab');
  assert.equal(tasks.deadline, undefined);
});
