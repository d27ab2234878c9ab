import { Secret } from '../lib/secret.ts';
import type { DirectionKeys } from './sa.ts';

/** The keys of an SA, in both directions. */
interface SaKeys {
  readonly keysIn: DirectionKeys;
  readonly keysOut: DirectionKeys;
}

/** Keys of their own, for whoever needs them longer than the original lives. */
export function copyKeys({ encryption, integrity }: DirectionKeys): DirectionKeys {
  return {
    encryption: new Secret(encryption.reveal().slice()),
    integrity: new Secret(integrity.reveal().slice()),
  };
}

/** Overwrites the keys of `sa`, which is of no use from then on. */
export function wipeKeys({ keysIn, keysOut }: SaKeys): void {
  for (const { encryption, integrity } of [keysIn, keysOut]) {
    encryption.wipe();
    integrity.wipe();
  }
}
