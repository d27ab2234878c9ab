import { Failed, type Failure } from '../policy/failure.ts';

/** What a thrown value says, as a failure: what is not `Failed` is a defect of ours and says so. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failed) return error.failure;
  return {
    code: 'local/internal',
    summary: error instanceof Error ? error.message : String(error),
    remedy: 'please report this with the log',
  };
}
