/** What a revision or a rollback changes, object by object. */

import { Link } from 'wouter';
import { Diff } from '@/parts/Diff';
import { Icon } from '@/parts/Icon';
import { Action } from '../audit/Action';
import { placeOf } from '../audit/filters';
import type { Changed } from './revision';

/** So many are shown open; of more, each opens when it is asked for. */
const OPEN = 8;

export function Changes({ of, isFolded = of.length > OPEN }: { of: readonly Changed[]; isFolded?: boolean }) {
  return (
    <div className="changes">
      {of.map((change) => {
        const object = `${change.kind}/${change.name}`;
        const diff = <Diff before={change.before} after={change.after} label={`What is different of ${object}`} />;
        if (isFolded) {
          return (
            <details key={object} className="folded">
              <summary>
                <Icon name="down" size={13} /> <Action of={change.action} /> <code className="break">{object}</code>
              </summary>
              {diff}
            </details>
          );
        }
        return (
          <div key={object}>
            <div className="change-head">
              <Action of={change.action} />
              <Named object={object} isGone={change.after === null} />
            </div>
            {diff}
          </div>
        );
      })}
    </div>
  );
}

function Named({ object, isGone }: { object: string; isGone: boolean }) {
  const place = placeOf(object);
  const name = <code>{object}</code>;
  return place === null || isGone ? name : <Link href={place}>{name}</Link>;
}
