import type { CertificateCache } from '../src/pki/certificate-cache.ts';
import { StatusJudge } from '../src/pki/status-judge.ts';
import { StatusMemory } from '../src/pki/status-memory.ts';

/** Judges by `grounds` alone; nothing is known besides, and both lists and responders are heeded. */
export function statusJudge(
  cache: CertificateCache,
  grounds: Partial<ConstructorParameters<typeof StatusJudge>[0]> = {},
): StatusJudge {
  return new StatusJudge({
    cache,
    memory: new StatusMemory(),
    crls: [],
    uris: [],
    configured: [],
    anchors: [],
    useCrl: true,
    useOcsp: true,
    ...grounds,
  });
}
