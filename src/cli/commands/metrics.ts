import type { Command } from 'commander';
import { exposition, type Family, familyShape, type Sample, succeeded } from '../../control/index.ts';
import { EXIT_OK, type LinkOptions, withDaemon } from '../daemon-link.ts';
import { type Terminal, toJson } from '../terminal.ts';

export function metricsCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('metrics')
    .description('print what the daemon counts, as Prometheus reads it')
    .action(async (_options: object, command: Command) =>
      exit(await metrics(terminal, command.optsWithGlobals())),
    );
}

function metrics(terminal: Terminal, options: LinkOptions): Promise<number> {
  return withDaemon(terminal, options, async client => {
    const families = new Map<string, Omit<Family, 'samples'> & { readonly samples: Sample[] }>();
    succeeded(
      await client.stream('cygnet-metrics', 'cygnet-metric', {}, message => {
        const part = familyShape.decode(message, 'metric');
        const known = families.get(part.name);
        if (known === undefined) families.set(part.name, { ...part, samples: [...part.samples] });
        else known.samples.push(...part.samples);
      }),
    );
    const found = [...families.values()];
    terminal.out(options.json === true ? toJson({ families: found }) : exposition(found).trimEnd());
    return EXIT_OK;
  });
}
