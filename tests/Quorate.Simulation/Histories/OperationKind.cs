namespace Quorate.Simulation.Histories;

public enum OperationKind
{
    Put,
    PutIfUnchanged,
    Delete,
    Read,
    SerializableRead,
}
