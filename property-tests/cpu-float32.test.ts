import { cpu } from '../backends/cpu/index.ts';
import { engine } from '../src/engine.ts';
import { testOperations } from './vitest-suite.ts';

testOperations({ name: 'cpu', dtype: 'float32', engine: (options) => engine(cpu(), options) });
