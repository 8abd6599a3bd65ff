/** Who has called most in the range. */

import { Link } from 'wouter';
import type { Schemas } from '@/api/client';
import { useUsage } from '@/api/queries';
import { exchangesWith } from '@/parts/address';
import { bytes, count } from '@/parts/format';
import { Panel } from '@/parts/Page';
import type { Range } from '@/parts/range';
import { Query } from '@/parts/States';
import { Table, type Column } from '@/parts/Table';
import { Money, ShortName } from '@/parts/Values';
import { Failed } from './Upstreams';
import { Without } from './Without';

type UsageOf = Schemas['UsageOf'];
const MOST = 8;

export function Consumers({ range }: { range: Range }) {
  const usage = useUsage({ since: range.value, by: ['consumer'] });
  return (
    <Panel className="third" title="Consumers" flush side={<Link href="/consumers">All</Link>}>
      <Query of={usage}>
        {(data) => (
          <>
            <Table
              label="Consumers"
              columns={columnsOf(data.items)}
              rows={data.items.filter((row) => nameOf(row) !== '').slice(0, MOST)}
              idOf={nameOf}
              hrefOf={(row) => exchangesWith({ consumer: nameOf(row), since: range.value })}
              labelOf={() => 'its exchanges'}
            />
            {data.items.some((row) => nameOf(row) === '') && <Without of="consumer" range={range} rest="others" />}
          </>
        )}
      </Query>
    </Panel>
  );
}

/** What they cost is told where anything has a price, else how much they took. */
function columnsOf(items: UsageOf[]): Column<UsageOf>[] {
  const hasPrices = items.some((item) => Object.keys(item.costs).length > 0);
  return [
    { name: 'Consumer', wraps: true, cell: (row) => <ShortName of={nameOf(row)} most={20} /> },
    { name: 'Exchanges', align: 'right', cell: (row) => count(row.requests) },
    { name: 'Failed', align: 'right', cell: (row) => <Failed row={row} /> },
    hasPrices
      ? { name: 'Cost', align: 'right', cell: (row) => <Money of={row.costs} /> }
      : { name: 'Received', align: 'right', cell: (row) => bytes(row.bytes_out) },
  ];
}

function nameOf(row: UsageOf): string {
  return String(row.labels['consumer'] ?? '');
}
