import { Failed } from '../policy/failure.ts';

/** What only an SA that came so far has. */
export function present<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined)
    throw new Failed({ code: 'local/internal', summary: `the IKE SA has no ${what} yet` });
  return value;
}
