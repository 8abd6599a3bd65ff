/** What went wrong, by cause, and whose doing it was. */

import { useUsage } from '@/api/queries';
import type { Schemas } from '@/api/client';
import { Ranking, type Ranked } from '@/figures/Ranking';
import { exchangesWith } from '@/parts/address';
import { count } from '@/parts/format';
import { Panel } from '@/parts/Page';
import type { Range } from '@/parts/range';
import { Empty, Query } from '@/parts/States';

const MOST = 8;

export function Causes({ range }: { range: Range }) {
  const usage = useUsage({ since: range.value, by: ['error', 'status_class', 'answered'] });
  return (
    <Panel className="third" title="Failures by cause" id="causes" flush>
      <Query of={usage}>
        {(data) => {
          const causes = causesOf(data.items, range);
          if (causes.length === 0) return <Empty title="Nothing has failed">In the last {range.label}.</Empty>;
          return <Ranking of={causes.slice(0, MOST)} />;
        }}
      </Query>
    </Panel>
  );
}

/** Exeat's own failures by code, those of upstreams by the class of their status; most first. */
export function causesOf(items: Schemas['UsageOf'][], range: Range): Ranked[] {
  const causes = new Map<string, Ranked>();
  for (const { labels, errors } of items) {
    if (errors === 0) continue;
    const code = String(labels['error'] ?? '');
    const byGateway = code !== '';
    const name = byGateway ? code : `${labels['status_class'] ?? 0}xx`;
    const id = `${byGateway ? 'gateway' : 'upstream'} ${name}`;
    const value = (causes.get(id)?.value ?? 0) + errors;
    const filter = byGateway ? { error: code } : { status: name, answered: 'upstream' };
    causes.set(id, {
      id,
      name,
      note: byGateway ? 'gateway' : 'upstream answered',
      value,
      shown: count(value),
      href: exchangesWith({ ...filter, since: range.value }),
      tone: byGateway || name === '5xx' ? 'bad' : 'warn',
    });
  }
  return [...causes.values()].sort((one, other) => other.value - one.value);
}
