import { fuzzTests } from './budget.ts';
import { socketFuzzes } from './socketProperties.ts';

fuzzTests(socketFuzzes, 2_500);
