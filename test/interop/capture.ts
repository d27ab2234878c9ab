import { readFileSync } from 'node:fs';
import { type Lab, mustRun, stop, until } from './lab.ts';

/** ESP is opened, and its integrity values are checked. */
const OPTIONS = ['-o', 'esp.enable_encryption_decode:TRUE', '-o', 'esp.enable_authentication_check:TRUE'];

/** A datagram that comes after all others. */
const LAST = 'the capture ends here';

/** What goes over the wires of a namespace by UDP, for tshark with the keys that cygnet saved. */
export class Capture {
  readonly #file: string;
  readonly #end: () => Promise<void>;

  private constructor(file: string, end: () => Promise<void>) {
    this.#file = file;
    this.#end = end;
  }

  static async begin(lab: Lab, namespace: string): Promise<Capture> {
    const file = lab.path('run.pcap');
    const command = ['tcpdump', '--immediate-mode', '-Z', 'root', '-i', 'any', '-U', '-w', file, 'udp'];
    const tcpdump = lab.start(namespace, 'tcpdump.log', command);
    await until('tcpdump listens', () => /listening on/.test(lab.read('tcpdump.log')));
    return new Capture(file, async () => {
      await lab.run(namespace, ['bash', '-c', `printf '${LAST}' >/dev/udp/127.0.0.1/9`]);
      await until('all that was sent is written down', () => readFileSync(file).includes(LAST));
      await stop(tcpdump);
    });
  }

  /** What has gone over the wires until now is in it. */
  end(): Promise<void> {
    return this.#end();
  }

  /** What tshark prints of it; `keys` is the directory that the keys were saved in. */
  read(keys: string, ...args: string[]): Promise<string> {
    return mustRun('tshark', ['-r', this.#file, ...OPTIONS, ...args], {
      env: { WIRESHARK_CONFIG_DIR: keys },
    });
  }
}
