import { cpu } from '../backends/cpu/index.ts';
import { testBackend } from './vitest-suite.ts';

testBackend('property-tests/cpu-float32.test.ts', {
  name: 'cpu, Float32',
  create: cpu,
  dtypes: ['float32'],
  layoutsKeepBits: true,
});
