using Quorate.Protocol;

namespace Quorate.Client;

/// <summary>A condition of a transaction, on one key or on all keys of a range. A key that is not there has zeros and no
/// value.</summary>
public sealed class Condition
{
    private Condition(Compare wire, KeyRange range, Comparison comparison)
    {
        Wire = wire;
        wire.Key = range.Key;
        wire.RangeEnd = range.End;
        wire.Result = (Compare.Types.CompareResult)comparison;
    }

    internal Compare Wire { get; }

    public static Condition Exists(EtcdBytes key) => CreateRevision(key, Comparison.Greater, 0);

    public static Condition IsMissing(EtcdBytes key) => CreateRevision(key, Comparison.Equal, 0);

    /// <summary>The key has not changed since it was read with this revision.</summary>
    public static Condition IsUnchanged(KeyValuePair pair) =>
        ModRevision((EtcdBytes)pair.Key, Comparison.Equal, pair.ModRevision);

    public static Condition Version(KeyRange range, Comparison comparison, long version) =>
        new(new Compare { Target = Compare.Types.CompareTarget.Version, Version = version }, range, comparison);

    public static Condition CreateRevision(KeyRange range, Comparison comparison, long revision) =>
        new(new Compare { Target = Compare.Types.CompareTarget.Create, CreateRevision = revision }, range, comparison);

    public static Condition ModRevision(KeyRange range, Comparison comparison, long revision) =>
        new(new Compare { Target = Compare.Types.CompareTarget.Mod, ModRevision = revision }, range, comparison);

    public static Condition Value(KeyRange range, Comparison comparison, EtcdBytes value) =>
        new(new Compare { Target = Compare.Types.CompareTarget.Value, Value = value.Wire }, range, comparison);

    public static Condition Lease(KeyRange range, Comparison comparison, long lease) =>
        new(new Compare { Target = Compare.Types.CompareTarget.Lease, Lease = lease }, range, comparison);
}
