/** How each upstream has done in the range, and whether it rests now. */

import { Link } from 'wouter';
import type { Schemas } from '@/api/client';
import { useUsage } from '@/api/queries';
import { exchangesWith } from '@/parts/address';
import { count, duration, percent } from '@/parts/format';
import { Panel } from '@/parts/Page';
import type { Range } from '@/parts/range';
import { Query } from '@/parts/States';
import { Table, type Column } from '@/parts/Table';

type UsageOf = Schemas['UsageOf'];

export function Upstreams({ range, resting }: { range: Range; resting: Schemas['RestingEndpoint'][] }) {
  const usage = useUsage({ since: range.value, by: ['upstream'] });
  const columns: Column<UsageOf>[] = [
    { name: 'Upstream', grow: true, cell: (row) => <Name name={nameOf(row)} resting={resting} /> },
    { name: 'Exchanges', align: 'right', cell: (row) => count(row.requests) },
    { name: 'Failed', align: 'right', cell: (row) => <Failed row={row} /> },
    { name: 'p95', align: 'right', cell: (row) => duration(row.p95_ms) },
  ];
  return (
    <Panel className="third" title="Upstreams" flush side={<Link href="/upstreams">All</Link>}>
      <Query of={usage}>
        {(data) => (
          <Table
            label="Upstreams"
            columns={columns}
            rows={data.items.slice(0, 8)}
            idOf={nameOf}
            hrefOf={(row) => exchangesWith({ upstream: nameOf(row), outcome: nameOf(row) === '' ? 'refused' : '', since: range.value })}
            labelOf={() => 'its exchanges'}
          />
        )}
      </Query>
    </Panel>
  );
}

function nameOf(row: UsageOf): string {
  return String(row.labels['upstream'] ?? '');
}

function Name({ name, resting }: { name: string; resting: Schemas['RestingEndpoint'][] }) {
  if (name === '') return <span className="dim">none</span>;
  const bad = resting.find((endpoint) => endpoint.upstream === name);
  return (
    <span className="with-dot">
      <span className="dot" data-tone={bad === undefined ? 'good' : bad.state === 'recovering' ? 'warn' : 'bad'} />
      {name}
      {bad !== undefined && <span className="dim small"> {bad.state}</span>}
    </span>
  );
}

export function Failed({ row }: { row: UsageOf }) {
  if (row.errors === 0) return <span className="dim">0</span>;
  const ratio = row.errors / row.requests;
  return (
    <span data-tone={ratio >= 0.05 ? 'bad' : 'warn'} className="toned" title={`${count(row.errors)} exchanges`}>
      {percent(ratio)}
    </span>
  );
}
