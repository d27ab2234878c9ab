import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SystemFailure } from '../../sys/failure.ts';
import type { NetlinkMessage } from '../../sys/netlink/message.ts';
import type { NetlinkRequest } from '../../sys/netlink/socket.ts';
import { sampleSa } from '../conformance.ts';
import { XfrmKernel } from './kernel.ts';
import { Message } from './numbers.ts';
import { inboundState } from './state.ts';

const ESRCH = 3;
const EEXIST = 17;
const EINVAL = 22;

/** A socket that answers by message type, with the bodies it was sent as they were and as they were left. */
function socket(answers: Readonly<Record<number, NetlinkMessage | number>>) {
  const sent: { readonly type: number; readonly body: Uint8Array; readonly left: Uint8Array }[] = [];
  return {
    sent,
    request(request: NetlinkRequest): readonly NetlinkMessage[] {
      sent.push({ type: request.type, body: request.body.slice(), left: request.body });
      const answer = answers[request.type];
      if (typeof answer === 'number') throw new SystemFailure(answer, 'netlink');
      return answer === undefined ? [] : [answer];
    },
  };
}

const types = ({ sent }: ReturnType<typeof socket>): number[] => sent.map(({ type }) => type);

test('an SA takes the place of its reserved SPI; where that expired, it is put in anew', () => {
  const there = socket({});
  new XfrmKernel(there).addInbound(sampleSa(), true);
  assert.deepEqual(types(there), [Message.UPDSA]);
  const gone = socket({ [Message.UPDSA]: ESRCH });
  new XfrmKernel(gone).addInbound(sampleSa(), true);
  assert.deepEqual(types(gone), [Message.UPDSA, Message.NEWSA]);
  const unreserved = socket({ [Message.NEWSA]: EEXIST });
  assert.throws(() => new XfrmKernel(unreserved).addInbound(sampleSa(), false), { code: 'EEXIST' });
});

test('a reservation goes with the attempt to take its place, unless it was lost to somebody else', () => {
  const sa = sampleSa({ ipcomp: { cpiIn: 0x1001, cpiOut: 0x2001 } });
  const refused = socket({ [Message.UPDSA]: EINVAL });
  assert.throws(() => new XfrmKernel(refused).addInbound(sa, true), { code: 'EINVAL' });
  assert.deepEqual(types(refused), [Message.UPDSA, Message.DELSA, Message.DELSA]);
  const lost = socket({ [Message.UPDSA]: ESRCH, [Message.NEWSA]: EEXIST });
  assert.throws(() => new XfrmKernel(lost).addInbound(sampleSa(), true), { code: 'EEXIST' });
  assert.deepEqual(types(lost), [Message.UPDSA, Message.NEWSA]);
});

test('keys do not stay in memory, whatever the kernel says', () => {
  for (const refusal of [{}, { [Message.NEWSA]: EEXIST }]) {
    const kernel = socket(refusal);
    try {
      new XfrmKernel(kernel).addOutbound(sampleSa());
    } catch {
      // refused
    }
    const [request] = kernel.sent;
    assert.ok(request);
    assert.ok(request.body.some(octet => octet === 2));
    assert.ok(request.left.every(octet => octet === 0));
  }
});

test('what is gone already is not an error to delete or to ask about', () => {
  const kernel = new XfrmKernel(
    socket({ [Message.DELSA]: ESRCH, [Message.GETSA]: ESRCH, [Message.DELPOLICY]: 2 }),
  );
  const state = inboundState(sampleSa());
  assert.equal(kernel.deleteState(state), false);
  assert.equal(kernel.getState(state), undefined);
  assert.equal(kernel.moveState(sampleSa(), sampleSa().path, true, true), false);
});

test('other refusals are passed on', () => {
  const kernel = new XfrmKernel(socket({ [Message.DELSA]: 1 }));
  assert.throws(() => kernel.deleteState(inboundState(sampleSa())), { code: 'EPERM' });
});
