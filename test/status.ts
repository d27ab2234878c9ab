import type { ChildSaStatus, IkeSaStatus } from '../src/ike/output.ts';
import { ip } from '../src/lib/ip.ts';

/** The status of an established IKE SA without children, but for what is said otherwise. */
export function ikeStatus(differs: Partial<IkeSaStatus> = {}): IkeSaStatus {
  return {
    id: 7,
    connection: 'lab',
    version: 2,
    state: 'ESTABLISHED',
    role: 'initiator',
    path: {
      local: { address: ip('192.0.2.1'), port: 500 },
      remote: { address: ip('192.0.2.2'), port: 500 },
    },
    initiatorSpi: 1n,
    responderSpi: 2n,
    natLocal: false,
    natRemote: false,
    children: [],
    tasksQueued: [],
    tasksActive: [],
    ...differs,
  };
}

/** The status of an installed Child SA, but for what is said otherwise. */
export function childStatus(differs: Partial<ChildSaStatus> = {}): ChildSaStatus {
  return {
    id: 3,
    name: 'net',
    reqid: 5,
    state: 'INSTALLED',
    protocol: 'esp',
    mode: 'tunnel',
    udpEncapsulation: false,
    spiIn: 1,
    spiOut: 2,
    proposal: 'aes128gcm16',
    esn: false,
    localTs: [],
    remoteTs: [],
    ...differs,
  };
}
