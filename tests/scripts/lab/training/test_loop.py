"""The training loop on a straight line: it learns, goes on after interruptions, averages, and says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from face3d.errors import InputError
from scripts.lab.training.loop import Check, Companion, Job, LoopOptions, Run, Step, prepare, train

OPTIONS = LoopOptions(
    steps=12, batch=8, rate=0.05, averaging=0.8, seed=3, checkpoint_steps=3, report_steps=4, weight_decay=0.0
)
SILENT = Run(report=lambda line: None)


class Line(nn.Module):
    """With all that a resumed training must find again: dropout, and a batch norm's figures and counter."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:  # [B, 2] -> [B, 1]
        result: Tensor = self.out(self.drop(self.norm(x)))
        return result


def loss(network: Line, step: Step) -> dict[str, Tensor]:
    x = torch.randn(OPTIONS.batch, 2, generator=step.random)
    return {"error": (network(x) - 2 * x[:, :1] + x[:, 1:]).square().mean()}


def new_job(options: LoopOptions = OPTIONS) -> Job[Line]:
    prepare(options)
    return Job(Line(), loss)


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.allclose(a.double(), b.double(), rtol=1e-4, atol=1e-5) for a, b in pairs)


def test_it_learns() -> None:
    lines: list[str] = []
    options = replace(OPTIONS, steps=200, report_steps=20)
    network, minutes = train(new_job(options), options, Run(report=lines.append))
    errors = [float(line.rsplit(" ", 1)[1]) for line in lines]
    assert len(errors) == 10
    assert errors[-1] < 0.5 * errors[0]
    assert not network.training
    assert minutes >= 0


@pytest.mark.parametrize("averaging", [0.0, 0.8])
@pytest.mark.parametrize("stop", [1, 2, 3, 7, 11, 12])
def test_resumed_after_any_step_it_ends_the_same(stop: int, averaging: float, tmp_path: Path) -> None:
    options = replace(OPTIONS, averaging=averaging)
    whole, _ = train(new_job(options), options, SILENT)
    run = replace(SILENT, checkpoint=tmp_path / "new" / "c.safetensors")
    train(new_job(options), options, replace(run, stop=stop))
    torch.rand(5)  # what happened in between does not matter
    resumed, _ = train(new_job(options), options, run)
    assert same(whole, resumed)


def test_an_interruption_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    """Ctrl-C in the middle of step 8, after the checkpoint of step 6."""
    whole, _ = train(new_job(), OPTIONS, SILENT)
    path = tmp_path / "c.safetensors"

    def interrupted(network: Line, step: Step) -> Mapping[str, Tensor]:
        if step.number == 8:
            raise KeyboardInterrupt
        return loss(network, step)

    with pytest.raises(KeyboardInterrupt):
        train(replace(new_job(), loss=interrupted), OPTIONS, replace(SILENT, checkpoint=path))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    lines: list[str] = []
    resumed, _ = train(new_job(), OPTIONS, Run(path, report=lines.append))
    assert lines[0].startswith("going on after step 6 ")
    assert same(whole, resumed)


def test_seeds_decide() -> None:
    one, again = (train(new_job(), OPTIONS, SILENT)[0] for _ in range(2))
    other = replace(OPTIONS, seed=4)
    assert same(one, again)
    assert not same(one, train(new_job(other), other, SILENT)[0])


def test_the_average_is_kept_and_none_means_the_last_weights() -> None:
    """Against a loop of a few lines; its average remembers all states."""
    states: list[dict[str, Tensor]] = []

    def watched(network: Line, step: Step) -> Mapping[str, Tensor]:
        states.append({name: value.detach().clone() for name, value in network.state_dict().items()})
        return loss(network, step)

    job = replace(new_job(), loss=watched)
    average, _ = train(job, OPTIONS, SILENT)
    states.append(job.network.state_dict())
    for name, found in average.state_dict().items():
        if not found.is_floating_point():
            assert found == states[-1][name]
            continue
        expected = states[0][name].double()
        for step, state in enumerate(states[1:], 1):
            keep = min(OPTIONS.averaging, step / (step + 10))
            expected = keep * expected + (1 - keep) * state[name].double()
        torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-6)
    plain = replace(OPTIONS, averaging=0.0)
    job = new_job(plain)
    assert train(job, plain, SILENT)[0] is job.network


def test_a_companion_goes_on_too(tmp_path: Path) -> None:
    def make() -> tuple[Job[Line], nn.Module]:
        prepare(OPTIONS)
        network, judge = Line(), nn.Linear(1, 1)
        judging = torch.optim.AdamW(judge.parameters(), lr=0.05)

        def both(network: Line, step: Step) -> Mapping[str, Tensor]:
            x = torch.randn(OPTIONS.batch, 2, generator=step.random)
            made = network(x)
            judging.zero_grad()
            (judge(made.detach()) - judge(x[:, :1])).mean().square().backward()
            judging.step()
            return {"judged": judge(made).mean().square(), **loss(network, step)}

        return Job(network, both, companions={"judge": Companion(judge, judging)}), judge

    whole, judge = make()
    kept, _ = train(whole, OPTIONS, SILENT)
    path = tmp_path / "c.safetensors"
    train(make()[0], OPTIONS, replace(SILENT, checkpoint=path, stop=5))
    again, judge_again = make()
    resumed, _ = train(again, OPTIONS, replace(SILENT, checkpoint=path))
    assert same(kept, resumed)
    assert same(judge, judge_again)


def test_gradients_are_clipped() -> None:
    """What AdamW gets is never longer than asked for."""
    norms: list[float] = []

    def steep(network: Line, step: Step) -> Mapping[str, Tensor]:
        if step.number > 1:
            gradients = [p.grad for p in network.parameters() if p.grad is not None]
            norms.append(float(torch.cat([g.flatten() for g in gradients]).norm()))
        return {"error": 1000 * loss(network, step)["error"]}

    for clip in (0.5, 0.0):
        options = replace(OPTIONS, clip=clip)
        train(replace(new_job(options), loss=steep), options, SILENT)
    assert norms[:11] == pytest.approx([0.5] * 11, rel=1e-3)
    assert min(norms[11:]) > 0.5


def test_another_run_is_refused_but_reporting_otherwise_is_the_same_run(tmp_path: Path) -> None:
    run = replace(SILENT, checkpoint=tmp_path / "c.safetensors")
    train(new_job(), OPTIONS, replace(run, stop=2))
    for options, facts in ((replace(OPTIONS, rate=0.1), {}), (OPTIONS, {"clips": 3})):
        with pytest.raises(InputError, match="is the checkpoint of another run; delete it to start again"):
            train(replace(new_job(), facts=facts), options, run)
    train(new_job(), replace(OPTIONS, report_steps=1, checkpoint_steps=7, threads=1), run)


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", bytes(200)])
def test_a_file_that_is_no_checkpoint(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no checkpoint of a training"):
        train(new_job(), OPTIONS, replace(SILENT, checkpoint=path))


def test_a_loss_that_is_no_number_ends_the_run_and_spoils_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"

    def broken(network: Line, step: Step) -> Mapping[str, Tensor]:
        return {"error": loss(network, step)["error"] * (torch.nan if step.number == 5 else 1)}

    with pytest.raises(FloatingPointError, match="'error' is no longer finite at step 6"):
        train(replace(new_job(), loss=broken), replace(OPTIONS, report_steps=12), replace(SILENT, checkpoint=path))
    lines: list[str] = []
    resumed, _ = train(new_job(), replace(OPTIONS, report_steps=12), Run(path, report=lines.append))
    assert lines[0].startswith("going on after step 3 ")
    assert same(resumed, train(new_job(), OPTIONS, SILENT)[0])


def test_figures_on_the_way_change_nothing() -> None:
    lines: list[str] = []

    def figures(network: Line) -> dict[str, float]:
        assert not network.training
        return {"chance": float(torch.rand(1))}

    checked = replace(new_job(), check=Check(5, figures))
    assert same(train(checked, OPTIONS, Run(report=lines.append))[0], train(new_job(), OPTIONS, SILENT)[0])
    assert [line.split(":")[0] for line in lines if "chance" in line] == ["step 5/12", "step 10/12"]
