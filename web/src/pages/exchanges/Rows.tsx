/** Exchanges as rows. */

import type { Exchange } from '@/api/exchange';
import { duration, money } from '@/parts/format';
import { Table, type Column } from '@/parts/Table';
import { Moment, ShortName, StatusCode } from '@/parts/Values';

const COLUMNS: Column<Exchange>[] = [
  { name: 'Time', cell: (row) => <Moment at={row.time} /> },
  { name: 'Status', cell: (row) => <StatusCode status={row.status} failed={row.error !== null} /> },
  { name: 'Call', grow: true, cell: (row) => <Call of={row} /> },
  { name: 'Failure', only: 'wide', cell: (row) => <Cause of={row} /> },
  {
    name: 'Consumer', only: 'medium',
    cell: (row) => (row.consumer === null ? <span className="dim">–</span> : <ShortName of={row.consumer} />),
  },
  { name: 'Attempts', only: 'widest', align: 'right', cell: (row) => <Attempts of={row} /> },
  {
    name: 'Cost', only: 'widest', align: 'right',
    cell: (row) => (row.cost === null ? <span className="dim">–</span> : money(row.cost.amount, row.cost.currency)),
  },
  { name: 'Took', align: 'right', cell: (row) => duration(row.duration_ms) },
]; // prettier-ignore

export function Rows({ rows }: { rows: Exchange[] }) {
  return (
    <Table
      label="Exchanges"
      columns={COLUMNS}
      rows={rows}
      idOf={(row) => row.id}
      hrefOf={(row) => `/exchanges/${row.id}`}
      labelOf={(row) => `${row.method ?? ''} ${placeOf(row)}, ${row.status}`}
    />
  );
}

/** Where a call went: "github/repos/x". */
export function placeOf({ upstream, origin, path }: Exchange): string {
  return `${upstream ?? origin ?? ''}${path ?? ''}`;
}

export function Call({ of }: { of: Exchange }) {
  const { method, upstream, origin, path, query } = of;
  return (
    <span className="call mono" title={`${method ?? ''} ${placeOf(of)}${query === null ? '' : `?${query}`}`}>
      <span className="call-method">{method ?? '–'}</span>
      <b>
        <ShortName of={upstream ?? origin ?? ''} most={20} />
      </b>
      <span className="call-path">
        {path}
        {query !== null && <span className="dim">?{query}</span>}
      </span>
      <span className="call-failure">
        <Cause of={of} />
      </span>
    </span>
  );
}

/** Why it failed, in a word. Where its own column has no room, it stands below the call. */
function Cause({ of: { error, outcome, status } }: { of: Exchange }) {
  if (error !== null) {
    return (
      <span className="toned" data-tone={outcome === 'refused' ? 'warn' : 'bad'}>
        {error}
      </span>
    );
  }
  if (outcome === 'interrupted') return <span className="toned" data-tone="bad">interrupted</span>;
  return status >= 400 ? <span className="dim">upstream answered</span> : null;
}

function Attempts({ of: { attempts } }: { of: Exchange }) {
  if (attempts.length === 0) return <span className="dim">–</span>;
  return attempts.length === 1 ? 1 : <span className="toned" data-tone="warn">{attempts.length}</span>;
}
