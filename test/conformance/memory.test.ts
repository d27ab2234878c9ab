import { backendConformance } from '../../src/ipsec/conformance.ts';
import { MemoryBackend } from '../../src/ipsec/memory/backend.ts';

backendConformance('memory', () => ({ backend: new MemoryBackend() }));
backendConformance('memory with the features of user space', () => ({
  backend: new MemoryBackend({
    features: { modes: ['tunnel'], protocols: ['esp'], forceUdpEncapsulation: true },
  }),
}));
