using Google.Protobuf;
using Quorate.Mvcc.Backing;
using Quorate.Protocol;
using Quorate.Storage.Schema;

namespace Quorate.Server.Replication;

/// <summary>The alarms that are raised (spec 03 §4.1), replicated. The applying thread changes them; anybody may look.</summary>
internal sealed class AlarmStore
{
    private readonly Backend _backend;
    private AlarmMember[] _alarms = [];

    public AlarmStore(Backend backend)
    {
        _backend = backend;
        Reload();
    }

    public IReadOnlyList<AlarmMember> All => Volatile.Read(ref _alarms);

    /// <summary>No space: writes that need some are refused.</summary>
    public bool HasNoSpace { get; private set; }

    public bool HasCorrupt { get; private set; }

    public void Reload() => Set([.. _backend.ReadAll(Buckets.Alarm).Select(pair => AlarmMember.Parser.ParseFrom(pair.Key))]);

    public AlarmResponse Apply(AlarmRequest request)
    {
        var response = new AlarmResponse();
        var alarm = new AlarmMember { MemberID = request.MemberID, Alarm = request.Alarm };
        switch (request.Action)
        {
            case AlarmRequest.Types.AlarmAction.Get:
                response.Alarms.AddRange(All.Where(each => request.Alarm == AlarmType.None || each.Alarm == request.Alarm));
                break;
            case AlarmRequest.Types.AlarmAction.Activate when request.Alarm != AlarmType.None:
                if (!All.Contains(alarm))
                {
                    _backend.Put(Buckets.Alarm, alarm.ToByteArray(), []);
                    Set([.. All, alarm]);
                }

                response.Alarms.Add(alarm);
                break;
            case AlarmRequest.Types.AlarmAction.Deactivate when request.Alarm != AlarmType.None && All.Contains(alarm):
                _backend.Delete(Buckets.Alarm, alarm.ToByteArray());
                Set([.. All.Where(each => !each.Equals(alarm))]);
                response.Alarms.Add(alarm);
                break;
        }

        return response;
    }

    private void Set(AlarmMember[] alarms)
    {
        Volatile.Write(ref _alarms, alarms);
        HasNoSpace = alarms.Any(alarm => alarm.Alarm == AlarmType.Nospace);
        HasCorrupt = alarms.Any(alarm => alarm.Alarm == AlarmType.Corrupt);
    }
}
