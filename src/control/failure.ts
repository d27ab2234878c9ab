import { Failed, type Failure, type FailureCode } from '../policy/failure.ts';
import { optional, record, text, texts, word } from './shape.ts';
import { isSection, type Message, NOTHING, textOf } from './vici/message.ts';

/** A failure as a section of responses and events: `failure { code, summary, ours[], theirs[], nearest, remedy, notify }`. */
export const failureShape = record({
  code: word<FailureCode>(),
  summary: text,
  ours: optional(texts),
  theirs: optional(texts),
  nearest: optional(text),
  remedy: optional(text),
  notify: optional(text),
});

/** What every command answers that came to nothing: `success = no`, `errmsg` for all clients, `failure` for ours. */
export function refusal(failure: Failure): Message {
  return { success: 'no', errmsg: failure.summary, failure: failureShape.encode(failure) };
}

/** The failure that a response or event tells of; undefined when it tells of none. Throws Malformed. */
export function failureOf(message: Message): Failure | undefined {
  const section = message['failure'];
  if (section !== undefined && isSection(section)) return failureShape.decode(section, 'failure');
  if (textOf(message, 'success') !== 'no') return undefined;
  return {
    code: 'peer/refused',
    summary: textOf(message, 'errmsg') ?? 'the daemon refused without saying why',
  };
}

/** `response` itself when it says success or nothing about it. Throws Failed. */
export function succeeded(response: Message | undefined): Message {
  const failure = failureOf(response ?? NOTHING);
  if (failure !== undefined) throw new Failed(failure);
  return response ?? NOTHING;
}
