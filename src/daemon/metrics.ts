import type { Family, Sample } from '../control/metrics.ts';
import type { ChildSaUsage } from '../policy/sa.ts';
import type { Counters } from './counters.ts';
import { FailuresSeen } from './failures-seen.ts';
import type { Gateway } from './gateway.ts';
import { BOUNDS, Handshakes } from './handshakes.ts';
import type { ManualSas } from './manual-sas.ts';
import { MovesSeen } from './moves-seen.ts';
import type { StartActions } from './start-actions.ts';
import type { DaemonFacts } from './status-view.ts';
import { Traffic } from './traffic.ts';

export interface MetricsSubjects {
  readonly gateway: Gateway;
  readonly actions: StartActions;
  readonly counters: Counters;
  readonly manual: ManualSas;
  readonly facts: DaemonFacts;
  /** Packets that went nowhere, by reason; absent where the back end does not count them. */
  readonly drops?: () => Promise<ReadonlyMap<string, number>>;
}

/** What Prometheus is told. Whatever counts survives rekeys; it begins with the daemon. */
export class Metrics {
  readonly #subjects: MetricsSubjects;
  readonly #handshakes = new Handshakes();
  readonly #failures = new FailuresSeen();
  readonly #moves = new MovesSeen();
  readonly #traffic: Traffic;

  constructor(subjects: MetricsSubjects) {
    const { gateway } = subjects;
    this.#subjects = subjects;
    this.#traffic = new Traffic(gateway);
    for (const observer of [this.#handshakes, this.#failures, this.#moves])
      gateway.on(event => observer.note(event));
  }

  /** All as it stands. */
  async families(): Promise<readonly Family[]> {
    const { facts, counters, drops } = this.#subjects;
    const dropped = [...((await drops?.()) ?? [])];
    return [
      {
        name: 'cygnet_info',
        help: 'Version and back end of the daemon.',
        type: 'gauge',
        samples: [{ labels: { version: facts.version, backend: facts.backend }, value: 1 }],
      },
      {
        name: 'cygnet_start_time_seconds',
        help: 'When the daemon started, seconds since the epoch.',
        type: 'gauge',
        samples: [{ labels: {}, value: Math.round(facts.startedAt / 1000) }],
      },
      ...present(this.#subjects),
      ...failed(this.#failures),
      {
        name: 'cygnet_ike_moves_total',
        help: 'How often IKE SAs went on along another path, by connection and by the end that was elsewhere.',
        type: 'counter',
        samples: this.#moves.counts.map(({ connection, end, count }) => ({
          labels: { connection, end },
          value: count,
        })),
      },
      {
        name: 'cygnet_ike_messages_total',
        help: 'What charon counts, by connection: messages by exchange and direction, and rekeys.',
        type: 'counter',
        samples: [...counters.connections].flatMap(([connection, values]) =>
          Object.entries(values).map(([counter, value]) => ({ labels: { connection, counter }, value })),
        ),
      },
      ...(await carried(this.#traffic)),
      ...(await manual(this.#subjects.manual)),
      {
        name: 'cygnet_handshake_seconds',
        help: 'From the first message of an IKE SA until it was established.',
        type: 'histogram',
        samples: (['initiator', 'responder'] as const).flatMap(role =>
          histogram({ role }, this.#handshakes.of(role)),
        ),
      },
      {
        name: 'cygnet_dropped_packets_total',
        help: 'Packets that went nowhere, by reason.',
        type: 'counter',
        samples: dropped.map(([reason, value]) => ({ labels: { reason }, value })),
      },
    ];
  }
}

/** What is configured, wanted and up. */
function present({ gateway, actions }: MetricsSubjects): readonly Family[] {
  const statuses = gateway.status();
  const established = statuses.filter(({ state }) => state === 'ESTABLISHED' || state === 'REKEYING');
  const children = gateway.connections.flatMap(connection =>
    connection.children.map(child => ({ connection: connection.name, child: child.name })),
  );
  const gauge = (name: string, help: string, samples: readonly Sample[]): Family => ({
    name,
    help,
    type: 'gauge',
    samples,
  });
  const upByConnection = Map.groupBy(established, ike => ike.connection);
  const upByChild = new Set(
    established.flatMap(ike => ike.children.map(({ name }) => `${ike.connection}/${name}`)),
  );
  return [
    gauge(
      'cygnet_connection_up',
      'Established IKE SAs of each configured connection.',
      gateway.connections.map(({ name }) => ({
        labels: { connection: name },
        value: upByConnection.get(name)?.length ?? 0,
      })),
    ),
    gauge(
      'cygnet_pool_addresses',
      'Addresses of each pool: in use, kept for who had them, and how many it has in all.',
      gateway.leases.view().flatMap(({ name, online, offline, size }) =>
        Object.entries({ online, offline, size }).map(([state, value]) => ({
          labels: { pool: name, state },
          value,
        })),
      ),
    ),
    gauge(
      'cygnet_child_configured',
      'Each child that is configured.',
      children.map(labels => ({ labels, value: 1 })),
    ),
    gauge(
      'cygnet_child_wanted',
      'Whether a child is wanted up, by start_action or because somebody initiated it.',
      children.map(labels => ({ labels, value: actions.isWanted(labels.connection, labels.child) ? 1 : 0 })),
    ),
    gauge(
      'cygnet_child_up',
      'Whether a child has an SA.',
      children.map(labels => ({
        labels,
        value: upByChild.has(`${labels.connection}/${labels.child}`) ? 1 : 0,
      })),
    ),
    gauge('cygnet_half_open_ike_sas', 'IKE SAs that are being negotiated.', [
      {
        labels: {},
        value: statuses.filter(({ state }) => state === 'CREATED' || state === 'CONNECTING').length,
      },
    ]),
  ];
}

function failed(failures: FailuresSeen): readonly Family[] {
  return [
    {
      name: 'cygnet_failures_total',
      help: 'What came to nothing, by connection, child (empty: the IKE SA), our role and code of the failure.',
      type: 'counter',
      samples: failures.counts.map(({ connection, child, role, code, count }) => ({
        labels: { connection, child, role, code },
        value: count,
      })),
    },
    {
      name: 'cygnet_last_failure_time_seconds',
      help: 'When each connection and child failed last, with the code.',
      type: 'gauge',
      samples: failures.last.map(({ connection, child, role, code, last }) => ({
        labels: { connection, child, role, code },
        value: Math.round(last / 1000),
      })),
    },
  ];
}

async function carried(traffic: Traffic): Promise<readonly Family[]> {
  const totals = await traffic.total();
  const family = (
    name: string,
    help: string,
    fields: readonly ['bytesIn' | 'packetsIn', 'bytesOut' | 'packetsOut'],
  ): Family => ({
    name,
    help,
    type: 'counter',
    samples: totals.flatMap(total =>
      fields.map((field, i) => ({
        labels: { connection: total.connection, child: total.child, direction: i === 0 ? 'in' : 'out' },
        value: total[field],
      })),
    ),
  });
  return [
    family('cygnet_child_bytes_total', 'Octets that the SAs of a child carried.', ['bytesIn', 'bytesOut']),
    family('cygnet_child_packets_total', 'Packets that the SAs of a child carried.', [
      'packetsIn',
      'packetsOut',
    ]),
  ];
}

/** SAs with given keys: what they carried counts from their installation. */
async function manual(sas: ManualSas): Promise<readonly Family[]> {
  const usages = await Promise.all(
    sas.list.map(async state => ({ name: state.sa.name, usage: await sas.usage(state) })),
  );
  const family = (
    name: string,
    help: string,
    fields: readonly [keyof ChildSaUsage, keyof ChildSaUsage],
  ): Family => ({
    name,
    help,
    type: 'counter',
    samples: usages.flatMap(({ name, usage }) =>
      usage === undefined
        ? []
        : fields.map((field, i) => ({
            labels: { sa: name, direction: i === 0 ? 'in' : 'out' },
            value: usage[field],
          })),
    ),
  });
  return [
    {
      name: 'cygnet_manual_sa_up',
      help: 'Whether each SA with given keys is installed.',
      type: 'gauge',
      samples: sas.list.map(({ sa, state }) => ({
        labels: { sa: sa.name },
        value: state === 'INSTALLED' ? 1 : 0,
      })),
    },
    family('cygnet_manual_sa_bytes_total', 'Octets that each SA with given keys carried.', [
      'bytesIn',
      'bytesOut',
    ]),
    family('cygnet_manual_sa_packets_total', 'Packets that each SA with given keys carried.', [
      'packetsIn',
      'packetsOut',
    ]),
  ];
}

function histogram(
  labels: Readonly<Record<string, string>>,
  {
    buckets,
    count,
    sum,
  }: { readonly buckets: readonly number[]; readonly count: number; readonly sum: number },
): readonly Sample[] {
  return [
    ...BOUNDS.map((bound, i) => ({
      suffix: '_bucket',
      labels: { ...labels, le: String(bound) },
      value: buckets[i] ?? 0,
    })),
    { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: count },
    { suffix: '_sum', labels, value: sum },
    { suffix: '_count', labels, value: count },
  ];
}
