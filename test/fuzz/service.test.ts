import { fuzzTests } from './budget.ts';
import { livesFuzzes } from './livesProperties.ts';
import { scalingFuzzes } from './scalingProperties.ts';

fuzzTests([...livesFuzzes, ...scalingFuzzes], 1_000);
