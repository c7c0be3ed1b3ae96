"""What is handed to a cluster is whole, and its numbers agree."""

import math

import pytest
import yaml
from absl import flags

from dave_jax import main
from tests.runs import ROOT

# The fields that the definition of JobSet, v1alpha2, has, of those in use.
FIELDS = {
  'JobSet': {'apiVersion', 'kind', 'metadata', 'spec'},
  'JobSetSpec': {'network', 'failurePolicy', 'replicatedJobs'},
  'FailurePolicy': {'maxRestarts', 'rules'},
  'FailurePolicyRule': {'name', 'action', 'onJobFailureReasons'},
  'ReplicatedJob': {'name', 'replicas', 'template'},
  'JobSpec': {
    'parallelism',
    'completions',
    'completionMode',
    'backoffLimit',
    'podFailurePolicy',
    'template',
  },
  'PodSpec': {
    'restartPolicy',
    'terminationGracePeriodSeconds',
    'nodeSelector',
    'containers',
    'volumes',
  },
  'Container': {
    'name',
    'image',
    'command',
    'env',
    'ports',
    'resources',
    'volumeMounts',
  },
}


@pytest.fixture(params=['tpu', 'gpu'])
def jobset(request):
  file = ROOT / 'launch' / f'jobset_{request.param}.yaml'
  return yaml.safe_load(file.read_text())


@pytest.fixture
def job(jobset):
  (replicated,) = jobset['spec']['replicatedJobs']
  return replicated['template']['spec']


@pytest.fixture
def container(job):
  (container,) = job['template']['spec']['containers']
  return container


@pytest.fixture
def arguments(container):
  """The flags that the command gives to main."""
  assert container['command'][:3] == ['python', '-m', 'dave_jax.main']
  pairs = [flag[2:].partition('=') for flag in container['command'][3:]]
  return {name: value for name, _, value in pairs}


def test_fields_are_those_of_a_jobset(jobset, job, container):
  assert jobset['apiVersion'] == 'jobset.x-k8s.io/v1alpha2'
  assert jobset['kind'] == 'JobSet'
  spec = jobset['spec']
  (replicated,) = spec['replicatedJobs']
  (rule,) = spec['failurePolicy']['rules']
  for kind, found in (
    ('JobSet', jobset),
    ('JobSetSpec', spec),
    ('FailurePolicy', spec['failurePolicy']),
    ('FailurePolicyRule', rule),
    ('ReplicatedJob', replicated),
    ('JobSpec', job),
    ('PodSpec', job['template']['spec']),
    ('Container', container),
  ):
    assert found.keys() <= FIELDS[kind], kind


def test_command_ends_in_flags_of_main(arguments):
  known = flags.FLAGS.flags_by_module_dict()
  names = {flag.name for flag in known[main.__name__]}
  assert arguments.keys() <= names
  assert {'config', 'workdir', 'distributed'} <= arguments.keys()


def test_every_pod_has_a_process(job, arguments):
  assert job['parallelism'] == job['completions']
  processes = arguments.get('processes', job['completions'])
  assert int(processes) == job['completions']


def test_process_0_is_where_the_others_look_for_it(
  jobset, container, arguments
):
  """Hosts are called JOBSET-JOB-0-POD.JOBSET, jobset.sigs.k8s.io says."""
  if 'coordinator' not in arguments:
    pytest.skip('GKE tells pods with TPUs who the others are')
  name = jobset['metadata']['name']
  (replicated,) = jobset['spec']['replicatedJobs']
  host, port = arguments['coordinator'].split(':')
  assert host == f'{name}-{replicated["name"]}-0-0.{name}'
  assert {'containerPort': int(port)} in container['ports']
  assert arguments['process'] == '$(JOB_COMPLETION_INDEX)'
  assert jobset['spec']['network']['enableDNSHostnames']


def test_hosts_hold_the_chips_of_the_slice(job, container):
  chips = container['resources']['limits'].get('google.com/tpu')
  if chips is None:
    pytest.skip('of GPU nodes there are any number')
  selector = job['template']['spec']['nodeSelector']
  topology = selector['cloud.google.com/gke-tpu-topology'].split('x')
  assert chips * job['completions'] == math.prod(map(int, topology))


def test_a_preempted_run_starts_again_and_a_wrong_one_does_not(
  jobset, job, arguments
):
  """main ends with 1 where a setting or the data is wrong."""
  (rule,) = job['podFailurePolicy']['rules']
  assert rule['onExitCodes']['values'] == [1]
  assert int(arguments['stopped_status']) not in (0, 1)
  policy = jobset['spec']['failurePolicy']
  assert policy['rules'][0]['action'] == 'FailJobSet'
  assert policy['rules'][0]['onJobFailureReasons'] == ['PodFailurePolicy']
  assert policy['maxRestarts'] > 0


def test_what_is_mounted_is_there(job, container):
  mounted = {mount['name'] for mount in container['volumeMounts']}
  assert mounted == {v['name'] for v in job['template']['spec']['volumes']}
