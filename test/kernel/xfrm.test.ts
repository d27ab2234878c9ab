import { test } from 'node:test';
import { backendConformance } from '../../src/ipsec/conformance.ts';
import { openXfrmBackend } from '../../src/ipsec/xfrm/backend.ts';
import { withoutKernelIpsec } from './availability.ts';

if (withoutKernelIpsec === false) backendConformance('xfrm', () => ({ backend: openXfrmBackend() }));
else test('the kernel back end keeps the contract', { skip: withoutKernelIpsec }, () => {});
