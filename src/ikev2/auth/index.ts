import type { AuthMethodName } from '../../policy/connection.ts';
import { Failed } from '../../policy/failure.ts';
import type { AuthMethod } from './method.ts';
import { psk } from './psk.ts';
import { signature } from './signature.ts';

const AUTH_METHODS: readonly AuthMethod[] = [psk, signature];

/** The method that the configuration names. Throws Failed (`local/unsupported`). */
export function methodNamed(name: AuthMethodName): AuthMethod {
  const method = AUTH_METHODS.find(candidate => candidate.name === name);
  if (method === undefined)
    throw new Failed({
      code: 'local/unsupported',
      summary: `authentication by ${name} is not available in IKEv2`,
    });
  return method;
}

/** The method that reads AUTH payloads of this number. */
export function methodOf(number: number): AuthMethod | undefined {
  return AUTH_METHODS.find(({ numbers }) => numbers.includes(number));
}
