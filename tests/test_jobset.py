"""The numbers and names of a JobSet agree with each other."""

import math

import pytest
import yaml

from tests.runs import ROOT


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


def test_every_pod_has_a_process(job, arguments):
  assert 'distributed' in arguments
  assert job['parallelism'] == job['completions']
  processes = arguments.get('processes', job['completions'])
  assert int(processes) == job['completions']


def test_process_0_is_where_the_others_look_for_it(
  jobset, job, container, arguments
):
  """Hosts are called JOBSET-JOB-0-POD.JOBSET, jobset.sigs.k8s.io says."""
  if 'coordinator' not in arguments:
    pytest.skip('GKE tells pods with TPUs who the others are')
  name = jobset['metadata']['name']
  (replicated,) = jobset['spec']['replicatedJobs']
  host, port = arguments['coordinator'].split(':')
  assert host == f'{name}-{replicated["name"]}-0-0.{name}'
  assert {'containerPort': int(port)} in container['ports']
  # Kubernetes sets the index in pods of indexed jobs.
  assert job['completionMode'] == 'Indexed'
  assert arguments['process'] == '$(JOB_COMPLETION_INDEX)'
  assert jobset['spec']['network']['enableDNSHostnames']


def test_hosts_hold_the_chips_of_the_slice(job, container):
  chips = container['resources']['limits'].get('google.com/tpu')
  if chips is None:
    pytest.skip('there is any number of GPU nodes')
  selector = job['template']['spec']['nodeSelector']
  topology = selector['cloud.google.com/gke-tpu-topology'].split('x')
  assert chips * job['completions'] == math.prod(map(int, topology))


def test_a_preempted_run_restarts_and_a_wrong_one_does_not(
  jobset, job, arguments
):
  """main ends with 1 if a setting or the data is wrong."""
  (rule,) = job['podFailurePolicy']['rules']
  assert rule['onExitCodes']['values'] == [1]
  assert int(arguments['stopped_status']) not in (0, 1)
  policy = jobset['spec']['failurePolicy']
  assert policy['rules'][0]['action'] == 'FailJobSet'
  assert policy['rules'][0]['onJobFailureReasons'] == ['PodFailurePolicy']
  assert policy['maxRestarts'] > 0


def test_every_mount_has_its_volume(job, container):
  mounted = {mount['name'] for mount in container['volumeMounts']}
  assert mounted == {v['name'] for v in job['template']['spec']['volumes']}
