import { type Gateway, type IkeEvent, type OpenGateway, openGateway } from 'cygnet';
import { Host } from './host.ts';

/**
 * Two gateways in one process negotiate over loopback, a host behind each pings the other through ESP, and the Child SA
 * is rekeyed while they do. Written with the public API alone; needs no privilege. Exit code 0 only if all of it works.
 */

const PINGS_BEFORE = 5;
const PINGS_ACROSS_REKEY = 200;

interface Site {
  readonly name: string;
  readonly address: string;
  readonly net: string;
  readonly host: string;
}

const WEST: Site = { name: 'west', address: '127.0.0.1', net: '10.1.0.0/16', host: '10.1.0.10' };
const EAST: Site = { name: 'east', address: '127.0.0.2', net: '10.2.0.0/16', host: '10.2.0.10' };

/** The keys of swanctl.conf, as a program says them. */
function open(here: Site, there: Site, remotePort: number): Promise<OpenGateway> {
  return openGateway({
    addresses: [here.address],
    port: 0,
    natPort: 0,
    settings: { traceMessages: true },
    secrets: [{ owners: ['west.example', 'east.example'], secret: 'only a demonstration' }],
    connections: {
      demo: {
        version: '2',
        local_addrs: here.address,
        remote_addrs: there.address,
        remote_port: String(remotePort),
        proposals: 'aes256gcm16-prfsha384-x25519',
        local: { auth: 'psk', id: `${here.name}.example` },
        remote: { auth: 'psk', id: `${there.name}.example` },
        children: { lan: { local_ts: here.net, remote_ts: there.net, esp_proposals: 'aes256gcm16-x25519' } },
      },
    },
  });
}

/** Prints what `site` sends, as an arrow towards its peer. */
function draw(gateway: Gateway, site: Site): void {
  gateway.on((event: IkeEvent) => {
    if (event.kind !== 'message' || event.direction !== 'out') return;
    console.log(site === WEST ? `  west ──▶ east   ${event.text}` : `  west ◀── east   ${event.text}`);
  });
}

function fail(reason: string): never {
  throw new Error(reason);
}

/** Pings one after the other; answers how many came back. */
async function pings(from: Host, to: string, count: number): Promise<number> {
  let answered = 0;
  for (let i = 0; i < count; i++) if (await from.ping(to)) answered++;
  return answered;
}

function print(gateway: Gateway, site: Site): void {
  for (const ike of gateway.status()) {
    console.log(
      `  ${site.name}: IKE SA #${ike.id} ${ike.state}, ${ike.localId} … ${ike.remoteId}, ${ike.proposal}`,
    );
    for (const child of ike.children) {
      console.log(
        `        Child SA ${child.name} #${child.id} ${child.state}, ${child.localTs.join(' ')} === ${child.remoteTs.join(' ')}, ${child.proposal}, ESP ${child.spiIn.toString(16)} in, ${child.spiOut.toString(16)} out`,
      );
    }
  }
}

async function run(): Promise<void> {
  const started = performance.now();
  // Each side calls the other's NAT port, where ESP may come in UDP: the first port is not known before it is open.
  const east = await open(EAST, WEST, 4500);
  const west = await open(WEST, EAST, east.natPort);
  try {
    draw(west.gateway, WEST);
    draw(east.gateway, EAST);

    console.log(
      `Two gateways on loopback: west ${WEST.address}:${west.natPort}, east ${EAST.address}:${east.natPort}\n\nThe negotiation:`,
    );
    await west.gateway.up('demo', 'lan');

    const here = new Host(WEST.host, west.packets);
    const there = new Host(EAST.host, east.packets);
    console.log(`\n${WEST.host}, behind west, pings ${EAST.host}, behind east, and is pinged in turn:`);
    const forth = await pings(here, EAST.host, PINGS_BEFORE);
    const back = await pings(there, WEST.host, PINGS_BEFORE);
    console.log(`  ${forth} of ${PINGS_BEFORE} answered, ${back} of ${PINGS_BEFORE} answered`);
    if (forth !== PINGS_BEFORE || back !== PINGS_BEFORE) fail('a ping through the tunnel was lost');

    console.log('\nThe Child SA gets new keys while the pings go on:');
    const before = west.gateway.status()[0]?.children[0];
    const replaced = new Promise<void>(resolve =>
      west.gateway.on(event => event.kind === 'child-rekey' && resolve()),
    );
    const across = pings(here, EAST.host, PINGS_ACROSS_REKEY);
    if (west.gateway.rekey({ connection: 'demo', child: 'lan' }) !== 1)
      fail('there was no Child SA to rekey');
    await replaced;
    const answered = await across;
    const after = west.gateway.status()[0]?.children.find(child => child.state === 'INSTALLED');
    console.log(
      `  ${answered} of ${PINGS_ACROSS_REKEY} answered; the inbound SPI went from ${before?.spiIn.toString(16)} to ${after?.spiIn.toString(16)}`,
    );
    if (answered !== PINGS_ACROSS_REKEY) fail('packets were lost across the rekey');
    if (after === undefined || after.spiIn === before?.spiIn) fail('the Child SA was not replaced');

    console.log('\nThe SAs:');
    print(west.gateway, WEST);
    print(east.gateway, EAST);
    console.log('\nThe end:');
  } finally {
    await west.gateway.close();
    await east.gateway.close();
  }
  console.log(
    `\nAll of it in ${((performance.now() - started) / 1000).toFixed(1)} s, with no privilege and no kernel IPsec.`,
  );
}

try {
  await run();
} catch (error) {
  console.error(`\nThe demonstration failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
