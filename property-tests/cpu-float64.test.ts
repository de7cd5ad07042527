import { cpu } from '../backends/cpu/index.ts';
import { testBackend } from './vitest-suite.ts';

testBackend('property-tests/cpu-float64.test.ts', {
  name: 'cpu, Float64',
  create: cpu,
  dtypes: ['float64'],
  layoutsKeepBits: true,
});
