"""Every method by the name that records and tables give it."""

import difflib
import inspect

from dlchkit.errors import DataError
from dlchkit.lifelong.dcmh import DCMH
from dlchkit.lifelong.derpp import DarkExperienceReplay
from dlchkit.lifelong.dlch import DLCH, StrictDLCH
from dlchkit.lifelong.ewc import ElasticWeightConsolidation
from dlchkit.lifelong.exact import ExactLearner
from dlchkit.lifelong.finetune import FineTuning
from dlchkit.lifelong.frozen import FrozenFirstStage
from dlchkit.lifelong.itq import IterativeQuantization
from dlchkit.lifelong.joint import JointRetraining
from dlchkit.lifelong.lsh import RandomHyperplanes
from dlchkit.lifelong.lwf import LearningWithoutForgetting
from dlchkit.lifelong.replay import ExperienceReplay
from dlchkit.lifelong.towers import Learner

METHODS = {
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
    names : of `METHODS`, in the order wanted
    rehearsal : old items kept, for the methods that keep any
    **training : see `TowerLearner`, for the methods that train towers

    Raises
    ------
    DataError
        for a name that no method has, or one named twice
    """
    learners = []
    for name in names:
        if name not in METHODS:
            near = difflib.get_close_matches(str(name), METHODS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(METHODS)}"
            raise DataError(f"there is no method {name!r}; {hint}")
        if names.count(name) > 1:
            raise DataError(f"method {name!r} is named twice; name each once")
        takes = inspect.signature(METHODS[name]).parameters
        wanted = {"rehearsal": rehearsal, "seed": seed, **training}
        open_ended = "training" in takes
        learners.append(METHODS[name](n_bits, **{key: value for key, value in wanted.items() if key in takes or (open_ended and key != "rehearsal")}))
    return learners
