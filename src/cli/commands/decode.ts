import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { fromHex } from '../../lib/bytes.ts';
import { detailDatagram } from '../../wire/index.ts';
import { EXIT_FAILED, EXIT_OK } from '../daemon-link.ts';
import { type Terminal, toJson } from '../terminal.ts';

export function decodeCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('decode')
    .argument('[hex]', 'the datagram in hex digits, blanks allowed; without it, standard input')
    .description('print an IKE message as a person reads it')
    .action((hex: string | undefined, _options: object, command: Command) => {
      exit(decode(terminal, hex ?? readFileSync(0, 'latin1'), command.optsWithGlobals()));
    });
}

function decode(terminal: Terminal, text: string, options: { readonly json?: boolean }): number {
  const datagram = fromHex(text.replace(/\s|^0x/g, ''));
  if (datagram === undefined || datagram.length === 0) {
    terminal.error('this is no hexadecimal text: give the octets of one datagram, such as 5f54bf6d8b48e6e1…');
    return EXIT_FAILED;
  }
  const description = detailDatagram(datagram);
  terminal.out(options.json === true ? toJson({ octets: datagram.length, description }) : description);
  return EXIT_OK;
}
