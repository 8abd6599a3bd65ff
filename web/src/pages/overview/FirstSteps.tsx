/** What to do where nothing was called yet. */

import { Code } from '@/parts/Values';
import { Panel } from '@/parts/Page';
import type { Range } from '@/parts/range';
import { Empty } from '@/parts/States';
import { Link } from 'wouter';

export function FirstSteps({ range }: { range: Range }) {
  return (
    <Panel>
      <Empty title={`Nothing was called in the last ${range.label}`}>
        <ol className="steps">
          <li>
            <Link href="/upstreams">Add an upstream</Link>: an API, where it is, and its credential.
          </li>
          <li>
            <Link href="/consumers">Add a consumer</Link> with a grant for it, and make a key.
          </li>
          <li>Call it through the gateway with that key:</li>
        </ol>
        <Code label="An example of a call" text={'curl -H "Exeat-Key: $EXEAT_KEY" http://127.0.0.1:8080/UPSTREAM/PATH'} />
      </Empty>
    </Panel>
  );
}
