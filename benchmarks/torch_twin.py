"""The published network in PyTorch, to compare with.

The keys of the state dict are the published ones, including unused entries (the
classifiers `fc_new`, the `bn` of the decoder).
"""

import torch
from torch import nn
from torch.nn import functional as F


class DaveTwin(nn.Module):
  """Audio-visual DAVE on two 3D ResNet-18 with shortcut A.

  Unlike in the published code, and as in this project, the gradient passes
  through shortcuts. The published network has a width of 64.
  """

  def __init__(self, width: int = 64):
    super().__init__()
    self.audio_branch = _Encoder(width, classes=12)
    self.video_branch = _Encoder(width, classes=400)
    deep = 8 * width
    self.combinedEmbedding = nn.Conv2d(2 * deep, deep, kernel_size=1)
    self.upscale1 = _Upscale(deep, deep)
    self.upscale2 = _Upscale(deep, 2 * width)
    self.saliency = nn.Conv2d(2 * width, 1, kernel_size=1)

  def forward(self, video: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
    """Maps [b, 3, 16, h, w] and [b, 3, 16, 64, 64] to [b, 1, h / 8, w / 8]."""
    video = self.video_branch(video)
    audio = F.adaptive_avg_pool3d(self.audio_branch(audio), 1)
    x = torch.cat([video, audio.expand_as(video)], dim=1).squeeze(2)
    x = F.relu(self.combinedEmbedding(x), inplace=True)
    x = self.upscale2(self.upscale1(x))
    return F.relu(self.saliency(x), inplace=True)


def channels_last(twin: DaveTwin) -> DaveTwin:
  """Converts the kernels of a network to channels last, in place."""
  for module in twin.modules():
    for kind, form in (
      (nn.Conv3d, torch.channels_last_3d),
      (nn.Conv2d, torch.channels_last),
    ):
      if isinstance(module, kind):
        module.to(memory_format=form)
  return twin


class _Encoder(nn.Module):
  def __init__(self, n, classes):
    super().__init__()
    self.conv1 = nn.Conv3d(3, n, 7, stride=(1, 2, 2), padding=3, bias=False)
    self.bn1 = nn.BatchNorm3d(n)
    self.layer1 = nn.Sequential(_Block(n, n, 1), _Block(n, n, 1))
    self.layer2 = _stage(n, 2 * n)
    self.layer3 = _stage(2 * n, 4 * n)
    self.layer4 = _stage(4 * n, 8 * n)
    self.fc_new = nn.Linear(8 * n, classes)

  def forward(self, x):
    x = F.relu(self.bn1(self.conv1(x)), inplace=True)
    x = F.max_pool3d(x, 3, stride=2, padding=1)
    return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def _stage(channels, features):
  return nn.Sequential(
    _Block(channels, features, 2), _Block(features, features, 1)
  )


class _Block(nn.Module):
  def __init__(self, channels, features, stride):
    super().__init__()
    self.conv1 = nn.Conv3d(
      channels, features, 3, stride=stride, padding=1, bias=False
    )
    self.bn1 = nn.BatchNorm3d(features)
    self.conv2 = nn.Conv3d(features, features, 3, padding=1, bias=False)
    self.bn2 = nn.BatchNorm3d(features)
    self.stride = stride
    self.appended = features - channels

  def forward(self, x):
    residual = x
    if self.stride > 1:
      s = self.stride
      residual = F.pad(x[:, :, ::s, ::s, ::s], (0,) * 7 + (self.appended,))
    x = F.relu(self.bn1(self.conv1(x)), inplace=True)
    return F.relu(self.bn2(self.conv2(x)) + residual, inplace=True)


class _Upscale(nn.Module):
  def __init__(self, channels, features):
    super().__init__()
    self.combine = nn.Conv2d(channels, features, 3, padding=1)
    self.bn = nn.BatchNorm2d(features)

  def forward(self, x):
    x = F.interpolate(x, scale_factor=2, mode='bilinear', align_corners=True)
    return F.relu(self.combine(x), inplace=True)
