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
import { ShortName } from '@/parts/Values';
import { Without } from './Without';

type UsageOf = Schemas['UsageOf'];
const MOST = 8;

export function Upstreams({ range, resting }: { range: Range; resting: Schemas['RestingEndpoint'][] }) {
  const usage = useUsage({ since: range.value, by: ['upstream'] });
  const columns: Column<UsageOf>[] = [
    { name: 'Upstream', wraps: true, cell: (row) => <Name name={nameOf(row)} resting={resting} /> },
    { name: 'Exchanges', align: 'right', cell: (row) => count(row.requests) },
    { name: 'Failed', align: 'right', cell: (row) => <Failed row={row} /> },
    { name: 'p95', align: 'right', cell: (row) => duration(row.p95_ms) },
  ];
  return (
    <Panel className="third" title="Upstreams" flush side={<Link href="/upstreams">All</Link>}>
      <Query of={usage}>
        {(data) => (
          <>
            <Table
              label="Upstreams"
              columns={columns}
              rows={data.items.filter((row) => nameOf(row) !== '').slice(0, MOST)}
              idOf={nameOf}
              hrefOf={(row) => exchangesWith({ upstream: nameOf(row), since: range.value })}
              labelOf={() => 'its exchanges'}
            />
            {data.items.some((row) => nameOf(row) === '') && <Without of="upstream" range={range} rest="to destinations" />}
          </>
        )}
      </Query>
    </Panel>
  );
}

function nameOf(row: UsageOf): string {
  return String(row.labels['upstream'] ?? '');
}

function Name({ name, resting }: { name: string; resting: Schemas['RestingEndpoint'][] }) {
  const bad = resting.find((endpoint) => endpoint.upstream === name);
  return (
    <span className="with-dot">
      <span className="dot" data-tone={bad === undefined ? 'good' : bad.state === 'recovering' ? 'warn' : 'bad'} />
      <span>
        <ShortName of={name} most={20} />
        {bad !== undefined && <span className="dim small"> {bad.state}</span>}
      </span>
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
