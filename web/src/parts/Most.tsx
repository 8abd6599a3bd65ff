/** The first of many; the rest when it is asked for. */

import { Button } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { count } from './format';

interface Props<Item> {
  of: readonly Item[];
  most: number;
  /** All of them at once, whatever `most` says. */
  isWhole?: boolean;
  children: (shown: readonly Item[]) => ReactNode;
}

export function Most<Item>({ of, most, isWhole = false, children }: Props<Item>) {
  const [isAll, setAll] = useState(false);
  const isCut = !isAll && !isWhole && of.length > most;
  return (
    <>
      {children(isCut ? of.slice(0, most) : of)}
      {isCut && (
        <p className="panel-line row">
          <span className="dim small grow">
            {count(most)} of {count(of.length)} shown
          </span>
          <Button variant="default" onClick={() => setAll(true)}>
            Show all {count(of.length)}
          </Button>
        </p>
      )}
    </>
  );
}
