import type { Answer, Question } from '../ike/output.ts';
import type { Fetcher } from '../net/fetcher.ts';

/** Fetches what the core asks for. It never rejects; the core says itself what comes of a failure. */
export async function fetchAnswer(
  fetcher: Fetcher | undefined,
  { uri, body, limit, timeout }: Extract<Question, { kind: 'fetch' }>,
): Promise<Answer> {
  try {
    if (fetcher === undefined) throw new Error('nothing is fetched here');
    const octets = await fetcher({ uri, limit, timeout, ...(body === undefined ? {} : { body }) });
    if (octets.length > limit) throw new Error(`the answer has more than ${limit} octets`);
    return { kind: 'octets', octets };
  } catch (error) {
    const summary = error instanceof Error ? error.message : String(error);
    return { kind: 'failed', failure: { code: 'local/unreachable', summary } };
  }
}
