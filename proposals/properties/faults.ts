/** Properties of page faults: P17 to P19. */
import type { PropertySpec } from '../property.ts';
import { everyDevice, someDevice } from './look.ts';

export const faultProperties: readonly PropertySpec[] = [
  {
    id: 'P17',
    kind: 'state',
    says: 'the report of a page fault names the device that caused it',
    source: 'V1T <YLEY6yAF1osdtS3e@myrica>',
    standing: 'questioned',
    outcome: 'holds: dev_id in struct iommu_hwpt_pgfault',
    setups: ['faults'],
    needs: [['report-fault']],
    arises: ({ state, ground }) => ground.devices.some((device) => state.fault.get(device) === 'reported'),
    holds: (look) =>
      everyDevice(
        look,
        (device) => look.state.fault.get(device) !== 'reported' || look.state.blamed.get(device) === device,
      ),
  },
  {
    id: 'P18',
    kind: 'state',
    says: 'an answer completes the fault that it answers, no other one, and once',
    source: 'V1T Jason Gunthorpe, 28 May 2021',
    standing: 'questioned',
    outcome: 'holds: a cookie names the group of requests; EINVAL for one that is answered',
    setups: ['faults'],
    needs: [['report-fault'], ['respond']],
    arises: (look) => someDevice(look, (device) => look.accepts('respond', { device })),
    holds: (look) =>
      !look.state.stray.get() &&
      everyDevice(
        look,
        (device) => look.state.fault.get(device) === 'reported' || !look.accepts('respond', { device }),
      ),
  },
  {
    id: 'P19',
    kind: 'state',
    says: 'detach and close leave no page fault without an answer',
    source: 'K73 drivers/iommu/iommufd/eventq.c, iommufd_auto_response_faults()',
    standing: 'mainline',
    outcome: 'holds: the kernel answers INVALID itself',
    setups: ['faults'],
    needs: [['report-fault'], ['detach', 'close-device']],
    arises: (look) =>
      someDevice(
        look,
        (device) =>
          look.state.fault.get(device) !== 'none' &&
          (look.accepts('detach', { device }) || look.accepts('close-device', { device })),
      ),
    holds: (look) =>
      everyDevice(
        look,
        (device) => look.state.fault.get(device) === 'none' || look.state.attached.get(device) !== undefined,
      ),
  },
];

/** Kept by any design: nobody waits for ever. */
export const promiseProperties: readonly PropertySpec[] = [
  {
    id: 'G21',
    kind: 'leads-to',
    says: 'a page fault is completed in the end, if reports and answers have their turn',
    source: 'any design',
    standing: 'mainline',
    outcome: 'holds',
    setups: ['answers'],
    needs: [['report-fault'], ['respond']],
    from: ({ state }, device) => state.fault.get(device) !== 'none',
    to: ({ state }, device) => state.fault.get(device) === 'none',
  },
];
