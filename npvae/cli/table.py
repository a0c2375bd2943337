"""The table of a training: a line an epoch, in nats an example."""

from npvae.iwae import IWAE
from npvae.model_file import Model
from npvae.progress import EpochRecord


class Table:
    """What the model maximises, its parts, active latents and seconds, epoch by epoch.

    Parameters
    ----------
    model : whose bound gives the column its name
    epochs : in all
    """

    def __init__(self, model: Model, epochs: int) -> None:
        self.weighted, self.epochs = isinstance(model, IWAE), epochs
        bound = model.bound_name
        self.head = (
            "             -------- train -------   ----- validation -----\n"
            f"epoch      {bound:>11s}  recon     KL {bound:>10s}  recon     KL  active  seconds"
        )

    def line(self, record: EpochRecord) -> str:
        """Return the line of an epoch."""
        bound = -record.train_loss if self.weighted else record.train_elbo
        train = f"{bound:9.2f} {record.train_reconstruction:6.1f} {record.train_kl:6.2f}"
        held_out = " " * 34
        if record.held_out is not None:
            measured = record.held_out
            held_out = f"  {measured.bound:9.2f} {measured.reconstruction:6.1f} {measured.kl:6.2f}"
            held_out += f" {measured.active_units:7d}"
        return f"{record.epoch:5d}/{self.epochs:<6d}{train}{held_out} {record.seconds:8.1f}"
