"""The table of a training: a line an epoch, in nats an example."""

from npvae.iwae import IWAE
from npvae.progress import EpochRecord
from npvae.runs.model_file import Model


class Table:
    """What the model maximises, its parts, active latents and seconds, epoch by epoch.

    Parameters
    ----------
    model : whose bound gives the column its name
    epochs : in all
    """

    def __init__(self, model: Model, epochs: int) -> None:
        self.weighted, self.epochs = isinstance(model, IWAE), epochs
        columns = f"{model.bound_name:>10} {'recon':>6} {'KL':>6}"
        self.head = (
            f"{'':12}{' train ':-^24} {' validation ':-^32}\n"
            f"{'epoch':<12}{columns} {columns} {'active':>7} {'seconds':>8}"
        )

    def line(self, record: EpochRecord) -> str:
        """Return the line of an epoch."""
        bound = -record.train_loss if self.weighted else record.train_elbo
        train = f"{bound:10.2f} {record.train_reconstruction:6.1f} {record.train_kl:6.2f}"
        held_out = " " * 32
        if (found := record.held_out) is not None:
            held_out = f"{found.bound:10.2f} {found.reconstruction:6.1f} {found.kl:6.2f}"
            held_out += f" {found.active_units:7d}"
        return f"{record.epoch:5d}/{self.epochs:<6d}{train} {held_out} {record.seconds:8.1f}"
