import type { ChildProcess } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { type Lab, stop } from './lab.ts';

/** Stands in for vpnc-script: writes down what vpnc was told, and puts address and routes on the device. */
const SCRIPT = `#!/bin/sh
env | grep -E '^(INTERNAL|CISCO|reason|TUNDEV)' | sort >> "$VPNC_TOLD"
case $reason in
connect)
  ip link set "$TUNDEV" up mtu 1300
  ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
  ip route replace 10.2.0.0/24 dev "$TUNDEV" src "$INTERNAL_IP4_ADDRESS" ;;
disconnect) ip link set "$TUNDEV" down ;;
esac
`;

/** The vpnc of the distribution as a client in a namespace: aggressive mode, XAUTH, mode config and an ESP of its own. */
export class Vpnc {
  readonly #lab: Lab;
  readonly #process: ChildProcess;

  /** `settings` are lines of its configuration besides those for the gateway and its own place. */
  constructor(lab: Lab, namespace: string, gateway: string, settings: readonly string[]) {
    this.#lab = lab;
    writeFileSync(lab.path('vpnc-script'), SCRIPT);
    chmodSync(lab.path('vpnc-script'), 0o755);
    const lines = [
      `IPSec gateway ${gateway}`,
      'IKE DH Group dh14',
      `Script ${lab.path('vpnc-script')}`,
      `Pidfile ${lab.path('vpnc.pid')}`,
      'No Detach',
      'Debug 1',
      ...settings,
    ];
    writeFileSync(lab.path('vpnc.conf'), `${lines.join('\n')}\n`, { mode: 0o600 });
    this.#process = lab.start(namespace, 'vpnc.log', ['vpnc', lab.path('vpnc.conf')], {
      VPNC_TOLD: lab.path('vpnc.told'),
    });
  }

  /** Undefined while it runs. */
  get exitCode(): number | null {
    return this.#process.exitCode;
  }

  get log(): string {
    return this.#lab.read('vpnc.log');
  }

  /** The environment of its script, all calls together. */
  get told(): string {
    return this.#lab.read('vpnc.told');
  }

  stop(): Promise<number | null> {
    return stop(this.#process);
  }
}
