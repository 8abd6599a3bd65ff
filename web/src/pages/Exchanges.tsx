/** Exchanges: a live list of them, and one from end to end. */

import { Route, Switch } from 'wouter';
import { List } from './exchanges/List';
import { One } from './exchanges/One';
import './set.css';

export default function Exchanges() {
  return (
    <Switch>
      <Route path="/exchanges/:id">{({ id }) => <One key={id} id={id} />}</Route>
      <Route>
        <List />
      </Route>
    </Switch>
  );
}
