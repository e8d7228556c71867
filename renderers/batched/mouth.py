"""The mouth's inside in torch: `renderers.mouth.painter` and its kernels for batches.

Formulas and what their numbers mean are those of `renderers.mouth.kernels`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from renderers.batched.mesh import DrivenBatch
from renderers.batched.mouth_scene import SceneBatch, TorchMouthView, canvas_centres
from renderers.batched.pictures import Windows, blur, gaussian_weights, sample, to_levels
from renderers.batched.skin import affine_maps, map_at
from renderers.head.materials import Kind
from renderers.mouth import kernels as k
from renderers.mouth.canvas import CAVITY, MATERIALS, OWN, TONGUE, UPPER_TEETH
from renderers.mouth.painter import RIM, MouthState
from renderers.mouth.planes import DEPTH_MM
from renderers.mouth.window import CELLS_PER_MM, WIDTH
from renderers.raster.rasterizer import Rasterizer


@dataclass(frozen=True)
class CanvasBatch:
    """B painted windows; see `Canvas`.

    Attributes:
        material: [B, H, W] int64.
        base: [B, 3, H, W] 0..255.
        own: [B, 3, H, W] 0..255.
        shown, cover, light, depth: [B, H, W]; `cover` is 0 where nothing is painted.
    """

    material: Tensor
    base: Tensor
    own: Tensor
    shown: Tensor
    cover: Tensor
    light: Tensor
    depth: Tensor


class TorchMouth:
    """`MouthPainter.draw` for batches.

    Args:
        mouth: what was prepared of the photo.
        rasterizer: finds what is visible.
        device: where to work.
        dtype: of the network's numbers.
    """

    def __init__(
        self, mouth: MouthState, rasterizer: Rasterizer, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> None:
        def tensor(values: object) -> Tensor:
            return torch.as_tensor(values, device=device)

        self._scale, self._dtype = mouth.scale, dtype
        self._origin = tensor(mouth.origin)
        self._view = TorchMouthView(mouth.anatomy, mouth.focal, mouth.scale, rasterizer, device)
        self._front_teeth = tensor(mouth.anatomy.front_teeth)
        self._kinds, self._source = tensor(mouth.anatomy.kinds).long(), tensor(mouth.source)
        palette, own = mouth.palette, mouth.own
        self._teeth, self._gums, self._tongue, self._cavity, self._lips = (
            tensor(c)[:, None, None]
            for c in (palette.teeth, palette.gums, palette.tongue, palette.cavity, palette.lips)
        )
        self._gaps = tensor(palette.upper_gaps), tensor(palette.lower_gaps)
        self._own_picture = tensor(own.picture) if own.any else None
        self._own_shown, self._own_light = tensor(own.shown), tensor(own.light)
        self._network = copy.deepcopy(mouth.network).to(device, dtype)
        self._softness = mouth.blur
        self._blur = gaussian_weights(mouth.blur, device) if mouth.blur > 0 else None
        self._context, self._white = tensor(mouth.context.colours), mouth.context.white

    def draw(self, crops: Tensor, frame: DrivenBatch, points: Tensor) -> None:
        """Paint the inside over crops [B, 3, h, w] uint8 in place; `points` [B, 478, 2] px are their landmarks."""
        scene = self._view(frame, frame.pixels[:, self._view.vertices, :2] - self._origin, points)
        canvas = self._paint(scene)
        colours = self._soften(self._finish(canvas, self._fields(canvas)), canvas)
        step = scene.window.px_per_mm / CELLS_PER_MM / self._scale
        # A linear filter would skip canvas pixels.
        factors = torch.where(step < 0.5, (0.5 / step).ceil(), 1).long()
        for factor in factors.unique().tolist():
            self._blend(crops, F.avg_pool2d(colours, factor, ceil_mode=True), scene, factor, factors == factor)

    def _paint(self, scene: SceneBatch) -> CanvasBatch:
        """As `kernels.paint`."""
        values = torch.cat([self._source.expand(len(scene.vertices), -1, -1), scene.attributes], -1)
        maps = affine_maps(scene.vertices[..., :2], self._view.triangles, values)
        centres = canvas_centres(self._scale, maps.device)
        faces, covered = scene.visible.clamp_min(0), scene.visible >= 0
        mapped = map_at(maps, faces, centres.expand(len(maps), -1, -1, -1))
        source, (arc, height, facing, depth) = mapped[..., :2], mapped[..., 2:].unbind(-1)
        arc, height = (torch.where(covered, a, 0) for a in (arc, height))
        facing, depth = torch.where(covered, facing, 1), torch.where(covered, depth, k.NOTHING_MM)
        kind = torch.where(covered, self._kinds[faces], int(Kind.MOUTH))
        depth = torch.where(kind == Kind.MOUTH, depth.clamp_max(k.THROAT_MM), depth)
        material = torch.where(kind == Kind.TONGUE, TONGUE, torch.where(kind == Kind.MOUTH, CAVITY, kind - 2))
        light = self._light(scene.levels, centres, depth)
        base = self._materials(kind, arc, height, facing, depth, light)
        skull = self._skull_places(scene.vertices, centres)
        teeth_light = self._light(scene.levels, centres, torch.full_like(depth, float(k.OWN_TEETH_MM)))
        own, shown = self._own(source, skull, material, (teeth_light, light), covered)
        return CanvasBatch(material, base, own, shown, scene.cover * scene.open_pixels(), light, depth)

    def _light(self, levels: Tensor, centres: Tensor, depth: Tensor) -> Tensor:  # [B, H, W]
        """Share of the world that points see, 0..1."""
        shift = k.TILT * depth * CELLS_PER_MM * self._scale
        places = torch.stack([centres[..., 0].expand_as(depth), centres[..., 1] - shift], -1)
        first, second, third = sample(levels, places * (levels.shape[3] / depth.shape[2])).unbind(1)
        near, middle, far = k.DEPTHS_MM
        shallow = first + (depth - near) / (middle - near) * (second - first)
        deep = second + ((depth - middle) / (far - middle)).clamp_max(1) * (third - second)
        deep = deep * (far / depth.clamp_min(far)) ** 2
        return torch.where(depth <= near, first, torch.where(depth <= middle, shallow, deep))

    def _materials(
        self, kind: Tensor, arc: Tensor, height: Tensor, facing: Tensor, depth: Tensor, light: Tensor
    ) -> Tensor:  # [B, 3, H, W]
        """As `kernels._material`."""
        dark = 1 - light.clamp_max(1)
        rim = torch.exp(-depth.clamp_min(0) / k.LINING_MM)[:, None]
        lining = self._cavity * (1 - rim) + self._lips * k.LINING_LIPS * rim
        result = lining * (k.LINING_LIGHT[0] + k.LINING_LIGHT[1] * light.clamp_max(1))[:, None]
        front = (k.FRONT_FACTOR * facing).clamp_max(1)[:, None]
        rows = (Kind.UPPER_TEETH, 1.0), (Kind.LOWER_TEETH, k.LOWER_TEETH_SHARE)
        for (row, brightness), gaps in zip(rows, self._gaps, strict=True):
            enamel, gum, beyond = _tooth(arc, height, gaps)
            shade = ((k.TEETH_FACING[0] + k.TEETH_FACING[1] * facing) * (1 - dark**k.TEETH_DARKNESS))[:, None]
            bright = brightness * enamel * (1 - gum) * (1 - k.BEYOND_DARK * beyond)
            teeth = self._teeth * bright[:, None] + self._gums * gum[:, None]
            bounced = k.BOUNCED * (1 - shade) * self._lips / self._lips[0].clamp_min(1)
            drawn = result + front * (teeth * (shade + bounced) - result)
            result = torch.where((kind == row)[:, None], drawn, result)
        shade = (k.TONGUE_FACING[0] + k.TONGUE_FACING[1] * facing) * (
            1 - k.GROOVE * torch.exp(-((arc / k.GROOVE_MM) ** 2))
        )
        shade = shade * (k.TONGUE_LIGHT[0] + k.TONGUE_LIGHT[1] * (1 - dark**k.TONGUE_DARKNESS))
        return torch.where((kind == Kind.TONGUE)[:, None], self._tongue * shade[:, None], result)

    def _skull_places(self, vertices: Tensor, centres: Tensor) -> Tensor:  # [B, V', 3], [H, W, 2] -> [B, H, W, 2]
        """Where in the own mouth's window the canvas' pixels lie if they are fixed to the skull."""
        here = F.pad(vertices[:, self._front_teeth, :2], (0, 1), value=1.0).double()
        wanted = here.transpose(1, 2) @ self._source[self._front_teeth].double()
        skull = torch.linalg.solve(here.transpose(1, 2) @ here, wanted).float()  # [B, 3, 2], least squares
        return F.pad(centres, (0, 1), value=1.0) @ skull[:, None]

    def _own(
        self, source: Tensor, skull: Tensor, material: Tensor, lights: tuple[Tensor, Tensor], covered: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The photo's own colours [B, 3, H, W] in this frame's light, and their share [B, H, W].

        Args:
            source: [B, H, W, 2] places in the own mouth's window by the mesh.
            skull: [B, H, W, 2] the same for what is fixed to the skull.
            material: [B, H, W].
            lights: [B, H, W] each, on the own upper teeth and on everything else.
            covered: [B, H, W] where there is a mesh.
        """
        light = lights[1]
        if self._own_picture is None:
            return torch.zeros_like(light)[:, None].expand(-1, 3, -1, -1), torch.zeros_like(light)
        teeth = sample(self._own_shown[UPPER_TEETH, None], skull)[:, 0]
        rest = sample(self._own_shown, source).gather(1, material[:, None])[:, 0]
        fixed = (teeth > 0) | (material == UPPER_TEETH)
        places = torch.where(fixed[..., None], skull, source)
        then_teeth, then_rest = sample(self._own_light, places).unbind(1)
        then = torch.where(fixed, then_teeth, then_rest).clamp_min(k.OWN_LEAST_THEN)
        light = torch.where(fixed, lights[0], light)
        ratio = ((light.clamp_min(k.OWN_LEAST_NOW) / then) ** k.OWN_LIGHT_POWER).clamp_max(k.OWN_MOST)
        return ratio[:, None] * sample(self._own_picture, places), torch.where(fixed, teeth, rest) * covered

    def _fields(self, canvas: CanvasBatch) -> Tensor:  # [B, FIELDS, h, w]
        planes = self._planes(canvas).to(self._dtype)
        context = self._context.expand(len(planes), -1).to(self._dtype)
        return self._network(planes, context).float()

    def _planes(self, canvas: CanvasBatch) -> Tensor:  # [B, PLANES, HEIGHT, WIDTH]
        """As `planes.mouth_planes`."""
        own = canvas.cover * canvas.shown
        shares = [torch.where(canvas.material == m, canvas.cover - own, 0)[:, None] for m in range(OWN)]
        parts = [torch.cat([share, share * canvas.base / self._white], 1) for share in shares]
        parts.append(torch.cat([own[:, None], own[:, None] * canvas.own / self._white], 1))
        parts += [(canvas.cover * canvas.light)[:, None], (canvas.cover * canvas.depth / DEPTH_MM)[:, None]]
        return torch.cat([F.avg_pool2d(part, self._scale) for part in parts], 1)

    def _finish(self, canvas: CanvasBatch, fields: Tensor) -> Tensor:  # [B, 4, H, W]
        """As `kernels.finish`: premultiplied colours, and the coverage."""
        size = canvas.cover.shape[1:]
        value = torch.zeros_like(canvas.base)
        for material, field in enumerate(fields.unflatten(1, (MATERIALS, 6)).unbind(1)):
            fine = F.interpolate(field, size, mode="bilinear", align_corners=False)
            own = material == OWN
            share = canvas.shown if own else (1 - canvas.shown) * (canvas.material == material)
            colour = canvas.own if own else canvas.base
            value = value + share[:, None] * (colour * fine[:, :3].exp() + fine[:, 3:] * self._white)
        cover = canvas.cover[:, None]
        return torch.cat([cover * value.clamp(0, 255), cover], 1)

    def _soften(self, colours: Tensor, canvas: CanvasBatch) -> Tensor:  # [B, 4, H, W] -> [B, 4, H, W]
        """As `MouthPainter._soften`."""
        if self._blur is None:
            return colours
        soft = blur(colours.flatten(0, 1)[:, None], self._blur).view_as(colours)
        if self._own_picture is None:
            return soft
        inside = ((soft[:, 3] - RIM) / (1 - RIM)).clamp(0, 1) * canvas.shown
        return soft + inside[:, None] * (colours - soft)

    def _blend(self, crops: Tensor, colours: Tensor, scene: SceneBatch, factor: int, chosen: Tensor) -> None:
        """As `painter._blend`, for the chosen [B] frames."""
        limit = scene.cover.shape[1]
        margin = scene.rows.new_tensor([-3, 3]) * self._softness
        rows = (scene.rows + margin).clamp(0, limit) / self._scale  # [B, 2] cells
        shown = (chosen & (scene.rows[:, 1] > scene.rows[:, 0]))[:, None]
        corners = rows.new_tensor([[0, 0], [WIDTH, 0], [0, 0], [WIDTH, 0]]).repeat(len(rows), 1, 1)
        corners[..., 1] = rows[:, [0, 0, 1, 1]]
        corners = scene.window.to_crop(corners)
        low, high = corners.amin(1).floor() - 1, corners.amax(1).ceil() + 1
        windows = Windows.between(low, torch.where(shown, high, low), *crops.shape[2:])
        if windows is None:
            return
        cells = scene.window.to_cells(windows.centres().flatten(1, 2)).view(len(crops), windows.height, -1, 2)
        moved = sample(colours, cells * (self._scale / factor), "zeros")
        under = windows.read(crops).float()
        windows.write(crops, to_levels(under * (1 - moved[:, 3:]) + moved[:, :3]))


def _tooth(arc: Tensor, height: Tensor, gaps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As `kernels._tooth`: brightness of the enamel, share of gums, share of dark below the biting edge."""
    along = arc.abs()
    distance = torch.full_like(along, 100)
    for gap in gaps.tolist():
        distance = torch.minimum(distance, (along - gap).abs())
    line = torch.exp(-((distance / k.GAP_LINE_MM) ** 2))
    between = k.GUM_BETWEEN * torch.exp(-((distance / k.GUM_BETWEEN_MM) ** 2))
    gums = torch.sigmoid((k.GUM_HEIGHT + between - height) * k.GUM_SHARPNESS)
    edge = 1 - k.EDGE_DARK * (height - k.EDGE_FROM).clamp_min(0) / k.EDGE_WITHIN
    rounded = 1 - k.ROUND_DARK * torch.exp(-distance / k.ROUND_MM)
    limit = k.BITE_HEIGHT - k.BITE_ROUND * torch.exp(-distance / k.BITE_ROUND_MM)
    beyond = ((height - limit) / k.BITE_SOFT).clamp(0, 1)
    fall = 1 - k.ROW_FALL * ((along / k.ROW_FALL_MM) ** k.ROW_FALL_POWER).clamp_max(1)
    return (1 - k.GAP_LINE * line) * edge * rounded * fall, gums, beyond
