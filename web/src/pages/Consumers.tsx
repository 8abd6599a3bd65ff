/** Consumers: the list, and one of them. */

import { Route, Switch } from 'wouter';
import { ConsumerList } from './consumers/ConsumerList';
import { ConsumerPage } from './consumers/ConsumerPage';
import './set.css';

export default function Consumers() {
  return (
    <Switch>
      <Route path="/consumers/:name">{({ name }) => <ConsumerPage key={name} name={name} />}</Route>
      <Route>
        <ConsumerList />
      </Route>
    </Switch>
  );
}
