/** The limits of one upstream or consumer, with those of its grants. */

import { Link } from 'wouter';
import { useLimits } from '@/api/queries';
import { Panel } from '@/parts/Page';
import { Empty, Query } from '@/parts/States';
import { ownerOf } from '../overview/limit';
import type { Limit } from './limit';
import { LimitRow } from './LimitRow';
import { useWritten } from './useWritten';

export function LimitsOf({ scope, owner, className }: { scope: 'upstream' | 'consumer'; owner: string; className?: string }) {
  const limits = useLimits();
  const written = useWritten();
  return (
    <Panel title="Limits" className={className} side={<Link href="/limits">All limits</Link>} flush>
      <Query of={limits} rows={2}>
        {(data) => {
          const found = data.items.filter((limit) => isOf(limit, scope, owner));
          if (found.length === 0) {
            return (
              <Empty title="It has no limit of its own">
                A rate, quota, budget or number of calls at once can be set in its configuration.
              </Empty>
            );
          }
          return (
            <ul className="limits narrow-limits">
              {found.map((limit) => (
                <LimitRow key={limit.id} limit={limit} written={written(limit)} of={limit.scope === 'grant' ? `Of the grant ${ownerOf(limit)}` : undefined} />
              ))}
            </ul>
          );
        }}
      </Query>
    </Panel>
  );
}

export function isOf(limit: Limit, scope: 'upstream' | 'consumer', owner: string): boolean {
  if (limit.scope === scope) return limit.owner === owner;
  return scope === 'consumer' && limit.scope === 'grant' && limit.owner.startsWith(`${owner}:`);
}
