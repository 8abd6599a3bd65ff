/** A table of things, each row of which may lead somewhere. */

import type { ReactNode } from 'react';
import { useLocation } from 'wouter';
import { Link } from 'wouter';

export interface Column<Row> {
  name: ReactNode;
  /** What stands in the cell. */
  cell: (row: Row) => ReactNode;
  align?: 'right';
  /** Left out where there is little room: below 720 px (`medium`), 1100 px (`wide`) or 1240 px (`widest`). */
  only?: 'medium' | 'wide' | 'widest';
  /** Takes the room that is left, and is cut off rather than wrapped. */
  grow?: boolean;
  /** Is as wide as there is room for, and wrapped where that is too little: nothing of a name is lost. */
  wraps?: boolean;
}

interface Props<Row> {
  columns: Column<Row>[];
  rows: readonly Row[];
  idOf: (row: Row) => string;
  /** Where a row leads. */
  hrefOf?: (row: Row) => string | undefined;
  /** What is said of a row to those who can't see it, after the text of its link. */
  labelOf?: (row: Row) => string;
  toneOf?: (row: Row) => 'bad' | 'warn' | undefined;
  label: string;
}

export function Table<Row>({ columns, rows, idOf, hrefOf, labelOf, toneOf, label }: Props<Row>) {
  const [, navigate] = useLocation();
  return (
    <div className="table-frame">
      <table className="table" aria-label={label}>
        <thead>
          <tr>
            {columns.map((column, number) => (
              <th key={number} data-align={column.align} data-only={column.only} data-grow={column.grow} data-wraps={column.wraps}>
                {column.name === '' ? <span className="unseen">More</span> : column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const href = hrefOf?.(row);
            return (
              <tr
                key={idOf(row)}
                data-opens={href === undefined ? undefined : true}
                data-tone={toneOf?.(row)}
                onClick={(event) => {
                  const isElse = (event.target as HTMLElement).closest('a, button, input, label') !== null;
                  if (href !== undefined && !isElse && !window.getSelection()?.toString()) navigate(href);
                }}
              >
                {columns.map((column, number) => (
                  <td key={number} data-align={column.align} data-only={column.only} data-grow={column.grow} data-wraps={column.wraps}>
                    {number === 0 && href !== undefined ? (
                      <Link href={href} className="row-link">
                        {column.cell(row)}
                        {labelOf !== undefined && <span className="unseen">, {labelOf(row)}</span>}
                      </Link>
                    ) : (
                      column.cell(row)
                    )}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
