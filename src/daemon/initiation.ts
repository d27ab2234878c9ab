import type { ChildSaStatus, IkeEvent, IkeSaStatus } from '../ike/output.ts';
import { Failed } from '../policy/failure.ts';

/** What was begun: the IKE SA of that number and, where the connection has any, that child of it. */
export interface Initiation {
  readonly connection: string;
  readonly ike: number;
  readonly child: string | undefined;
}

/** What came up. */
export interface Up {
  readonly ike: IkeSaStatus;
  readonly child: ChildSaStatus | undefined;
}

/** What an initiation comes to by `event`: what is up, why it is not, or undefined while it goes on. */
export function outcomeOf(event: IkeEvent, { connection, ike, child }: Initiation): Up | Failed | undefined {
  switch (event.kind) {
    case 'child-up':
      // The child may come up on another SA of the connection.
      return event.ike.connection === connection && event.child.name === child
        ? { ike: event.ike, child: event.child }
        : undefined;
    case 'ike-up':
      return event.ike.id === ike && child === undefined ? { ike: event.ike, child } : undefined;
    case 'failed': {
      const isOurs = event.connection === connection && event.role === 'initiator';
      return isOurs && (event.child === undefined || event.child === child)
        ? new Failed(event.failure)
        : undefined;
    }
    case 'ike-down':
      if (event.ike.id !== ike) return undefined;
      return new Failed(
        event.failure ?? {
          code: 'local/stopped',
          summary: `${connection} was taken down while it came up`,
        },
      );
    default:
      return undefined;
  }
}
