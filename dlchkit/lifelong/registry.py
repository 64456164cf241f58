"""Every method by the name that records and tables give it."""

from dlchkit.errors import DataError, nearest_name
from dlchkit.lifelong.dcmh import DCMH
from dlchkit.lifelong.derpp import DarkExperienceReplay
from dlchkit.lifelong.dlch import DLCH, StrictDLCH
from dlchkit.lifelong.ewc import ElasticWeightConsolidation
from dlchkit.lifelong.exact import ExactLearner
from dlchkit.lifelong.finetune import FineTuning
from dlchkit.lifelong.frozen import FrozenFirstStage
from dlchkit.lifelong.itq import IterativeQuantization
from dlchkit.lifelong.joint import JointRetraining
from dlchkit.lifelong.learner import Learner, Method
from dlchkit.lifelong.lsh import RandomHyperplanes
from dlchkit.lifelong.lwf import LearningWithoutForgetting
from dlchkit.lifelong.replay import ExperienceReplay

METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (
        JointRetraining,
        DLCH,
        StrictDLCH,
        ExactLearner,
        FineTuning,
        FrozenFirstStage,
        LearningWithoutForgetting,
        ElasticWeightConsolidation,
        ExperienceReplay,
        DarkExperienceReplay,
        DCMH,
        IterativeQuantization,
        RandomHyperplanes,
    )
}


def make_learners(names: list[str], n_bits: int, *, rehearsal: int = 500, seed: int = 0, **training) -> list[Learner]:
    """Learners by name, all with the same bits, seed and training.

    Parameters
    ----------
    names : list of str
        Of `METHODS`, in the order wanted.
    n_bits : int
        Code length.
    rehearsal : int
        Number of old items kept, for the methods that keep any.
    seed : int
    **training
        Further settings, such as those of `TowerLearner`. A method gets those that it declares
        in its ``settings``.

    Returns
    -------
    list of Learner

    Raises
    ------
    DataError
        For a name that no method has, one named twice, or a setting that no method takes.
    """
    wanted = {"rehearsal": rehearsal, "seed": seed, **training}
    _check_settings(wanted)
    for name in names:
        if name not in METHODS:
            raise DataError(f"there is no method {name!r}; {nearest_name(name, METHODS)}")
        if names.count(name) > 1:
            raise DataError(f"method {name!r} is named twice; name each once")
    return [_made(METHODS[name], n_bits, wanted) for name in names]


def _made(method, n_bits: int, wanted: dict) -> Learner:
    return method(n_bits, **{name: value for name, value in wanted.items() if name in method.settings})


def _check_settings(wanted: dict) -> None:
    known = dict.fromkeys(name for method in METHODS.values() for name in method.settings)
    for name in wanted:
        if name not in known:
            raise DataError(f"no method takes a setting {name!r}; {nearest_name(name, known)}")
