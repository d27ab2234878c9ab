import { type Lab, mustRun, stop, until } from './lab.ts';

/** ESP is opened, and its integrity values are checked. */
const OPTIONS = ['-o', 'esp.enable_encryption_decode:TRUE', '-o', 'esp.enable_authentication_check:TRUE'];

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
    return new Capture(file, async () => void (await stop(tcpdump)));
  }

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
