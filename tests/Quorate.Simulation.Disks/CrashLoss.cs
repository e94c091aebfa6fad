namespace Quorate.Simulation.Disks;

/// <summary>
/// What a crash does to writes that were not synced. A write is lost or kept sector by sector, so that it may be torn.
/// </summary>
public enum CrashLoss
{
    /// <summary>All of them are lost.</summary>
    All,

    /// <summary>None is lost: the machine stays up, only the process ends.</summary>
    None,

    /// <summary>Any sector may be lost, independently of the others.</summary>
    AnySector,

    /// <summary>Sectors are kept from the beginning of the file up to some place: a torn tail.</summary>
    Tail,
}
