/** Revisions: every change of the configuration, and the way back. */

import { Route, Switch } from 'wouter';
import { RevisionList } from './revisions/RevisionList';
import { RevisionPage } from './revisions/RevisionPage';
import './set.css';
import './keep.css';

export default function Revisions() {
  return (
    <Switch>
      <Route path="/revisions/:number">{({ number }) => <RevisionPage key={number} number={Number(number)} />}</Route>
      <Route>
        <RevisionList />
      </Route>
    </Switch>
  );
}
