/** Limits and spend: what is left, what was spent, and raising a budget for a time. */

import { LimitsPage } from './limits/LimitsPage';
import './set.css';

export default function Limits() {
  return <LimitsPage />;
}
