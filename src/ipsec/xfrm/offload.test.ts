import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../lib/bytes.ts';
import { Failed } from '../../policy/failure.ts';
import type { KernelOptions } from '../../policy/sa.ts';
import { SystemFailure } from '../../sys/failure.ts';
import type { NetlinkRequest } from '../../sys/netlink/socket.ts';
import { sampleSa } from '../conformance.ts';
import { XfrmKernel } from './kernel.ts';
import { Message } from './numbers.ts';
import { inboundPolicies } from './policies-of.ts';

const EINVAL = 22;
const CARD = 7;
/** XFRMA_OFFLOAD_DEV with the index of the interface, and the flags. */
const attribute = (flags: number): string => `0c001c0007000000${toHex(Uint8Array.of(flags))}000000`;

/** A kernel with a card that can do what `can` says; `silent`: what it cannot is not refused, but done without it. */
function kernelWith(can: 'packet' | 'crypto' | 'nothing', silent = false) {
  let state: Uint8Array | undefined;
  const tried: number[] = [];
  const request = ({ type, body }: NetlinkRequest) => {
    const octets = toHex(body);
    const flags = [0, 2, 4, 6].find(flags => octets.endsWith(attribute(flags)));
    if (type === Message.GETSA) {
      if (state === undefined) throw new SystemFailure(3, 'netlink');
      return [{ type: 16, flags: 0, sequence: 0, port: 0, body: state.slice() }];
    }
    if (type === Message.DELSA) state = undefined;
    if (type !== Message.NEWSA && type !== Message.UPDPOLICY) return [];
    tried.push(flags ?? -1);
    const needs = flags === undefined ? 'nothing' : (flags & 4) !== 0 ? 'packet' : 'crypto';
    const fits = needs === 'nothing' || can === 'packet' || can === needs;
    if (!fits && !silent) throw new SystemFailure(EINVAL, 'netlink', 'no such function');
    if (type === Message.NEWSA) state = fits ? body.slice() : body.slice(0, body.length - 12);
    return [];
  };
  const kernel = new XfrmKernel({ request }, () => CARD);
  return { kernel, tried, isThere: () => state !== undefined };
}

const wanting = (offload: NonNullable<KernelOptions['offload']>) => sampleSa({ kernel: { offload } });

test('auto takes the most that there is, and does without in the end', () => {
  for (const [can, inbound, tries] of [
    ['packet', true, [6]],
    ['crypto', true, [6, 2]],
    ['nothing', false, [4, 0, -1]],
  ] as const) {
    const { kernel, tried, isThere } = kernelWith(can);
    if (inbound) kernel.addInbound(wanting('auto'), false);
    else kernel.addOutbound(wanting('auto'));
    assert.deepEqual(tried, tries);
    assert.ok(isThere());
  }
});

test('what was asked for by name is had, or the SA fails and says so: twice', () => {
  for (const [can, offload, silent, error] of [
    ['packet', 'packet', false, undefined],
    ['crypto', 'crypto', false, undefined],
    ['crypto', 'packet', false, /hw_offload = packet asks of it: no such function/],
    ['nothing', 'crypto', true, /hw_offload = crypto asks of it: it has no such function/],
  ] as const) {
    const { kernel, isThere } = kernelWith(can, silent);
    for (let time = 0; time < 2; time++) {
      const add = () => kernel.addInbound(wanting(offload), false);
      if (error === undefined) add();
      else assert.throws(add, failure => failure instanceof Failed && error.test(failure.message));
      assert.equal(isThere(), error === undefined);
    }
  }
});

test('policies go to cards that take whole packets, those of the forward direction excepted', () => {
  const of = (offload: NonNullable<KernelOptions['offload']>, can: 'packet' | 'nothing') => {
    const { kernel, tried } = kernelWith(can);
    for (const { id, action } of inboundPolicies(wanting(offload))) kernel.update(id, action);
    return tried;
  };
  assert.deepEqual(of('packet', 'packet'), [4, -1]);
  assert.deepEqual(of('auto', 'nothing'), [4, -1, -1]);
  assert.deepEqual(of('crypto', 'packet'), [-1, -1]);
  assert.throws(() => of('packet', 'nothing'), SystemFailure);
});
