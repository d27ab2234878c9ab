import { Encr, Integ } from '../../iana/transforms.ts';
import { ip } from '../../lib/ip.ts';
import { Secret } from '../../lib/secret.ts';
import { UNLIMITED } from '../../policy/lifetimes.ts';
import type { ChildSaParameters } from '../../policy/sa.ts';
import { SystemFailure } from '../../sys/failure.ts';
import type { SystemCalls } from '../../sys/system-calls.ts';
import { XfrmKernel } from './kernel.ts';
import { inboundState } from './state.ts';

/**
 * Whether the kernel can carry ESP at all: many are built with policies but without it, and only an SA finds out.
 * One between addresses of documentation (RFC 5737), of algorithms that ESP never lacks, is put in and taken out. Throws SystemFailure.
 */
export function probe(calls: SystemCalls): void {
  const socket = calls.netlink('xfrm');
  try {
    const kernel = new XfrmKernel(socket);
    kernel.addInbound(SAMPLE, false);
    kernel.deleteState(inboundState(SAMPLE));
  } catch (error) {
    // The sample of a probe that was interrupted.
    if (!(error instanceof SystemFailure && error.code === 'EEXIST')) throw error;
  } finally {
    socket.close();
  }
}

const KEYS = { encryption: new Secret(new Uint8Array(0)), integrity: new Secret(new Uint8Array(32)) };

const SAMPLE: ChildSaParameters = {
  id: 0,
  name: 'probe',
  protocol: 'esp',
  mode: 'tunnel',
  algorithms: {
    encryption: Encr.ENCR_NULL,
    keyLength: 0,
    integrity: Integ.AUTH_HMAC_SHA2_256_128,
    esn: false,
  },
  spiIn: 0xcfff_ff00,
  spiOut: 0xcfff_ff00,
  keysIn: KEYS,
  keysOut: KEYS,
  path: {
    local: { address: ip('192.0.2.254'), port: 0 },
    remote: { address: ip('192.0.2.253'), port: 0 },
  },
  udpEncapsulation: false,
  localTs: [],
  remoteTs: [],
  replayWindow: 32,
  tfcPadding: 0,
  reqid: 0,
  lifetimes: UNLIMITED,
};
