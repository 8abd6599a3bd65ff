/** The audit trail: what administrators have done, whether all of it is as it was recorded, and taking it elsewhere. */

import { Route, Switch } from 'wouter';
import { Change } from './audit/Change';
import { Trail } from './audit/Trail';
import './set.css';
import './keep.css';

export default function Audit() {
  return (
    <Switch>
      <Route path="/audit/:id">{({ id }) => <Change key={id} id={id} />}</Route>
      <Route>
        <Trail />
      </Route>
    </Switch>
  );
}
